import KafkaClient
import RecordFormat

/// A change that was thought through and can be carried out: the rows that people read, and what is sent.
struct PlannedChange {
    /// What the group's history calls it.
    var kind: String
    var plan: GroupPlan
    var targets: [TopicPartition: GroupOffset?]
}

/// Works out what a change means for each partition, or why it cannot be. Changes nothing.
struct GroupPlanner {
    let backend: any GroupBackend
    let now: Timestamp
    /// Takes the nearest offset that a partition has, where a target lies outside it.
    var nearest = false

    init(_ backend: any GroupBackend, now: Timestamp, nearest: Bool = false) {
        self.backend = backend
        self.now = now
        self.nearest = nearest
    }
}

// MARK: Resets

extension GroupPlanner {
    /// - Parameters:
    ///   - given: of a target that is another group or a file, what that has.
    ///   - mayBeNew: whether the group may be one that is not there yet.
    func reset(
        _ group: String, to target: ResetTarget, _ selection: PartitionSelection,
        given: [TopicPartition: GroupOffset] = [:], mayBeNew: Bool = false, kind: String = "reset"
    ) async throws -> PlannedChange {
        let time = try target.time(now: now)
        let committed = try await backend.offsets(of: group)
        if committed.isEmpty, !mayBeNew { _ = try await backend.describe(group) }
        let partitions = try await partitions(of: group, target, selection, committed, given)
        let places = try await places(of: partitions, committed)
        let found =
            if let time { try await backend.firstOffsets(at: time, in: partitions) } else { [TopicPartition: Offset]() }
        var targets: [TopicPartition: ResolvedTarget] = [:]
        var refusals: [(TopicPartition, TargetRefusal)] = []
        for partition in partitions {
            guard let place = places[partition] else { continue }
            let facts = PartitionFacts(
                start: place.logStart, end: place.end, committed: committed[partition]?.offset,
                found: found[partition], given: given[partition]?.offset)
            do throws(TargetRefusal) {
                targets[partition] = try target.resolve(facts, nearest: nearest)
            } catch {
                refusals.append((partition, error))
            }
        }
        try check(refusals)
        guard !targets.isEmpty else {
            throw Failure("group '\(group)' has committed nothing there that could be shifted: give --to instead")
        }
        return try await planned(group, kind, targets, given: given, committed, places, time: time)
    }

    private func partitions(
        of group: String, _ target: ResetTarget, _ selection: PartitionSelection,
        _ committed: [TopicPartition: GroupOffset], _ given: [TopicPartition: GroupOffset]
    ) async throws -> [TopicPartition] {
        let counts = try await backend.partitionCounts()
        switch target {
        case .position, .shift:
            return try selection.partitions(of: group, known: Set(committed.keys.map(\.topic)), counts: counts)
        case .group(let other):
            return try Self.partitions(of: given, selection, counts, source: "group '\(other)'")
        case .file(let file):
            return try Self.partitions(of: given, selection, counts, source: file)
        }
    }

    /// What a source has of the selection, all of which must be there.
    private static func partitions(
        of given: [TopicPartition: GroupOffset], _ selection: PartitionSelection, _ counts: [String: Int],
        source: String
    ) throws -> [TopicPartition] {
        let partitions = given.keys.filter(selection.contains).sorted()
        guard !partitions.isEmpty else {
            throw Failure(
                selection.isAll
                    ? "\(source) has no committed offsets" : "\(source) has no offsets of what --topic names")
        }
        for partition in partitions {
            guard let count = counts[partition.topic] else {
                throw Failure(
                    "topic '\(partition.topic)', of which \(source) has offsets, is not there: name the others with --topic"
                )
            }
            guard partition.partition < count else {
                throw KafkaClientError.unknownPartition(
                    topic: partition.topic, partition: partition.partition, count: count)
            }
        }
        return partitions
    }
}

// MARK: Undoing

extension GroupPlanner {
    /// Back to what was committed at another time, or before a change.
    /// - Parameter targets: nil: nothing was committed then.
    func restore(
        _ group: String, _ targets: [TopicPartition: GroupOffset?], _ selection: PartitionSelection, kind: String
    ) async throws -> PlannedChange {
        let committed = try await backend.offsets(of: group)
        let counts = try await backend.partitionCounts()
        let partitions = targets.keys.filter(selection.contains).sorted()
        guard !partitions.isEmpty else { throw Failure("there is nothing to take back in what --topic names") }
        let places = try await places(of: partitions, committed)
        var resolved: [TopicPartition: ResolvedTarget] = [:]
        var refusals: [(TopicPartition, TargetRefusal)] = []
        for partition in partitions {
            guard let target = targets[partition] ?? nil else {
                // Where nothing is committed now either, there is nothing to do.
                if committed[partition] != nil { resolved[partition] = ResolvedTarget(offset: nil) }
                continue
            }
            guard let place = places[partition], counts[partition.topic] ?? 0 > partition.partition else {
                refusals.append(
                    (partition, TargetRefusal(reason: "it is not there any more: name the others with --topic")))
                continue
            }
            let facts = PartitionFacts(start: place.logStart, end: place.end, given: target.offset)
            do throws(TargetRefusal) {
                resolved[partition] = try ResetTarget.group(group).resolve(facts, nearest: nearest)
            } catch {
                refusals.append((partition, error))
            }
        }
        try check(refusals)
        return try await planned(group, kind, resolved, given: targets.compactMapValues { $0 }, committed, places)
    }

    /// Removes what is committed.
    func remove(
        _ group: String, _ selection: PartitionSelection
    ) async throws -> PlannedChange {
        let committed = try await backend.offsets(of: group)
        if committed.isEmpty { _ = try await backend.describe(group) }
        let partitions = committed.keys.filter(selection.contains)
        guard !partitions.isEmpty else {
            throw Failure("group '\(group)' has committed nothing of what --topic names: see 'martlet group describe'")
        }
        let targets = partitions.reduce(into: [:]) { $0[$1] = ResolvedTarget(offset: nil) }
        return try await planned(group, "delete-offsets", targets, given: [:], committed, [:])
    }
}

// MARK: Rows

extension GroupPlanner {
    private func places(
        of partitions: [TopicPartition], _ committed: [TopicPartition: GroupOffset]
    ) async throws -> [TopicPartition: DescribedPosition] {
        let asked = partitions.map { ($0, committed[$0]?.offset ?? 0) }
        return try await backend.positions(at: Dictionary(asked) { first, _ in first })
    }

    private func planned(
        _ group: String, _ kind: String, _ targets: [TopicPartition: ResolvedTarget],
        given: [TopicPartition: GroupOffset], _ committed: [TopicPartition: GroupOffset],
        _ places: [TopicPartition: DescribedPosition], time: Timestamp? = nil
    ) async throws -> PlannedChange {
        let after = try await backend.positions(at: targets.compactMapValues(\.offset))
        var change = PlannedChange(kind: kind, plan: GroupPlan(group: group, rows: []), targets: [:])
        for (partition, target) in targets.sorted(by: { $0.key < $1.key }) {
            let place = places[partition]
            change.plan.rows.append(
                GroupPlan.Row(
                    partition, from: committed[partition]?.offset, to: target.offset, start: place?.logStart,
                    end: place?.end, timeFrom: place?.nextTimestamp, timeTo: after[partition]?.nextTimestamp, now: now,
                    note: target.note ?? Self.beginning(of: place, after[partition], at: target.offset, time)))
            // What was noted down with an offset goes with it, as long as it is that offset.
            let source = given[partition].flatMap { $0.offset == target.offset ? $0 : nil }
            change.targets[partition] = .some(target.offset.map { source ?? GroupOffset(offset: $0) })
        }
        return change
    }

    /// What is said where a time lies before a partition's first record.
    private static func beginning(
        of place: DescribedPosition?, _ after: DescribedPosition?, at offset: Offset?, _ time: Timestamp?
    ) -> String? {
        guard let time, let offset, offset == place?.logStart, let first = after?.nextTimestamp, first > time else {
            return nil
        }
        return "the log begins at \(TimeText.format(first.milliseconds))"
    }

    private func check(_ refusals: [(TopicPartition, TargetRefusal)]) throws {
        guard let (partition, refusal) = refusals.first else { return }
        let others = refusals.count - 1
        let more = others > 0 ? " (and so in \(others.counted("more partition")))" : ""
        throw Failure("\(partition): \(refusal.reason)\(more); nothing was changed")
    }
}
