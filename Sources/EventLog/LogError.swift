package import Storage

/// What can go wrong in the log. Each case says in its description what was wrong, where, and what to do.
public enum LogError: Error, Equatable, Sendable {
    /// Another process, or another `EventLog` of this one, has the directory open.
    case locked(directory: String)
    case closed
    case unknownTopic(String)
    case topicExists(String)
    case invalidTopicName(String, reason: String)
    case invalidPartitionCount(Int, reason: String)
    case invalidSetting(name: String, value: String, reason: String)
    /// What is to be stored of a consumer group cannot be.
    case invalidGroup(String, reason: String)
    /// What consumer groups have committed takes as much memory as it may, `limit` in bytes: nothing is stored that would
    /// take more. A log that no broker serves has no limit.
    case offsetsFull(limit: Int)
    /// The offset lies before the log's start or past its end.
    case offsetOutOfRange(requested: Offset, start: Offset, end: Offset)
    /// A batch did not pass its checks.
    case corruptBatch(BatchError)
    case batchTooLarge(bytes: Int, limit: Int)
    /// A stored batch cannot be decoded here; the batch starts at or before `offset`.
    case unreadable(offset: Offset, BatchError)
    /// A producer's sequence number is not the one that follows its last.
    case outOfOrderSequence(producer: Int64, expected: Int32, received: Int32)
    /// The producer's epoch is older than the one that the partition knows.
    case producerFenced(producer: Int64, epoch: Int16, current: Int16)
    /// Stored bytes are damaged: `position` is in bytes, in the file named.
    case damaged(file: String, position: Int, reason: String)
    /// Records cannot be read: from `position` on, in bytes, the file named does not hold the batches of `offsets`. Those
    /// before and behind them can: `offsets.upperBound` is where to go on.
    case damagedRecords(file: String, position: Int, offsets: Range<Offset>, reason: String)
    case diskFull(String)
    /// What failed, and what to do.
    case storage(String)

    package init(_ error: FileError) {
        if error.isDiskFull {
            self = .diskFull(error.description)
        } else {
            self = .storage("\(error): \(error.advice)")
        }
    }

    /// Of records that are damaged, the offset behind them: a reader may go on there. nil for everything else.
    public var goesOnAt: Offset? {
        if case .damagedRecords(_, _, let offsets, _) = self { return offsets.upperBound }
        return nil
    }

    /// True where the disk, not the caller, is to blame.
    var isOfStorage: Bool {
        switch self {
        case .diskFull, .storage: true
        default: false
        }
    }
}

extension LogError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .locked(let directory):
            "\(directory) is in use by another process: stop that one first, or give another data directory"
        case .closed:
            "the log is closed: open it again"
        case .unknownTopic(let name):
            "there is no topic '\(name.abbreviated)': create it first, or list the topics there are"
        case .topicExists(let name):
            "topic '\(name)' exists already: use it, or delete it first"
        case .invalidTopicName(let name, let reason):
            "'\(name.abbreviated)' cannot name a topic: \(reason)"
        case .invalidPartitionCount(let count, let reason):
            "\(count) partitions are not possible: \(reason)"
        case .invalidSetting(let name, let value, let reason):
            "setting \(name.abbreviated)=\(value.abbreviated) is refused: \(reason)"
        case .invalidGroup(let name, let reason):
            "nothing is stored of group '\(name.abbreviated)': \(reason)"
        case .offsetsFull(let limit):
            "what groups have committed takes all of groups.offsets.max.bytes=\(limit): delete groups or offsets that "
                + "nobody needs, or raise the limit"
        case .offsetOutOfRange(let requested, let start, let end):
            "offset \(requested) is out of range: the log holds \(start) to \(end)"
        case .corruptBatch(let error):
            "the batch is refused: \(error)"
        case .batchTooLarge(let bytes, let limit):
            "a batch of \(bytes) bytes is over the limit of \(limit): send smaller batches, or raise max.message.bytes"
        case .unreadable(let offset, let error):
            "the batch at offset \(offset) cannot be read: \(error)"
        case .outOfOrderSequence(let producer, let expected, let received):
            "producer \(producer) sent sequence \(received) where \(expected) was due: a batch before it "
                + "was lost: send that first"
        case .producerFenced(let producer, let epoch, let current):
            "producer \(producer) of epoch \(epoch) is fenced by epoch \(current): a newer instance has taken "
                + "over: stop this one"
        case .damaged(let file, let position, let reason):
            "\(file) is damaged at byte \(position): \(reason)"
        case .damagedRecords(let file, let position, let offsets, let reason):
            "\(file) is damaged at byte \(position), and offsets \(offsets.lowerBound) to "
                + "\(offsets.upperBound.advanced(by: -1)) cannot be read: \(reason): read on from \(offsets.upperBound)"
        case .diskFull(let what):
            "the disk is full: \(what): free some space, then try again"
        case .storage(let what):
            "storage failed: \(what)"
        }
    }
}

extension String {
    /// Its beginning, where it is long: a name or value that a caller made up may have any length, also of a single
    /// character, and in a message what to do stands behind it.
    package var abbreviated: String {
        let scalars = unicodeScalars
        guard let end = scalars.index(scalars.startIndex, offsetBy: 300, limitedBy: scalars.endIndex),
            end < scalars.endIndex
        else { return self }
        return String(scalars[..<end]) + "…"
    }
}

/// Runs file operations and gives their errors the log's type.
func storage<R>(_ body: () throws(FileError) -> R) throws(LogError) -> R {
    do { return try body() } catch { throw LogError(error) }
}
