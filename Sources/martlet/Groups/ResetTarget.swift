import ArgumentParser
import RecordFormat

/// Where a reset takes a group's partitions.
enum ResetTarget: Hashable {
    case position(Position)
    /// So many records on, or back where it is less than 0.
    case shift(Int64)
    /// Where another group is.
    case group(String)
    /// Where a file says.
    case file(String)

    static let list = """
        --to earliest          the first record there is
        --to latest            the end
        --to 1234              an offset, in each partition
        --to 2026-11-01T10:00Z the first record of that time or later
        --to @1769862600000    the same, in milliseconds since 1970
        --to -90m              the first record of the last 90 minutes
        --shift -500           so many records back; +1000: on
        --to-group other       where another group is
        --from-file FILE       what 'group snapshot' wrote, or Kafka's tool exported
        """

    static func shift(parsing text: String) throws -> Int64 {
        guard let count = Int64(text), count != 0 else {
            throw ValidationError("'\(text)' is no number of records: give one such as +1000 or -500")
        }
        return count
    }
}

/// What has to be known of a partition to say where a target is in it.
struct PartitionFacts: Hashable {
    var start: Offset
    var end: Offset
    var committed: Offset?
    /// For a target that is a time: the first record as new as that; nil: none is.
    var found: Offset?
    /// For a target that is another group or a file: what that has.
    var given: Offset?
}

/// An offset that a target means in a partition, and what should be said about it.
struct ResolvedTarget: Hashable {
    /// nil: what is committed is removed.
    var offset: Offset?
    var note: String?
}

/// Why a target means nothing in a partition. The text goes on a line that begins with the partition.
struct TargetRefusal: Error, Hashable {
    var reason: String
}

extension ResetTarget {
    /// The time that has to be looked up; nil: none.
    func time(now: Timestamp) throws -> Timestamp? {
        guard case .position(let position) = self, case .timestamp(let time) = position.start(now: now) else {
            return nil
        }
        guard time <= now else {
            throw Failure(
                "\(TimeText.format(time.milliseconds)) has not come yet: give an earlier time, or --to latest")
        }
        return time
    }

    /// - Parameter nearest: takes the nearest offset that the partition has, where the target lies outside it.
    func resolve(_ facts: PartitionFacts, nearest: Bool) throws(TargetRefusal) -> ResolvedTarget? {
        switch self {
        case .position(.earliest): return ResolvedTarget(offset: facts.start)
        case .position(.latest): return ResolvedTarget(offset: facts.end)
        case .position(.offset(let offset)): return try inside(offset, facts, nearest)
        case .position(.time), .position(.ago):
            guard let found = facts.found else {
                return ResolvedTarget(
                    offset: facts.end, note: facts.start == facts.end ? nil : "nothing as new: the end")
            }
            let note = found == facts.start && found > 0 ? "older records are gone" : nil
            return ResolvedTarget(offset: found, note: note)
        case .shift(let count):
            guard let committed = facts.committed else { return nil }
            let (offset, overflow) = committed.value.addingReportingOverflow(count)
            return try inside(overflow ? (count > 0 ? .max : .min) : offset, facts, nearest)
        case .group, .file:
            guard let given = facts.given else { return nil }
            return try inside(given.value, facts, nearest)
        }
    }

    private func inside(
        _ offset: Int64, _ facts: PartitionFacts, _ nearest: Bool
    ) throws(TargetRefusal) -> ResolvedTarget {
        let (start, end) = (facts.start.value, facts.end.value)
        if (start...max(start, end)).contains(offset) { return ResolvedTarget(offset: Offset(offset)) }
        guard nearest else {
            throw TargetRefusal(
                reason: "offset \(offset) is outside: it has \(start) to \(end); --nearest takes the nearest there is")
        }
        return ResolvedTarget(
            offset: offset < start ? facts.start : facts.end, note: "\(offset) is outside: the nearest")
    }
}
