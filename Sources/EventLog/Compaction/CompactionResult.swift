public import RecordFormat

/// What a compaction of a log has done.
public struct CompactionResult: Sendable {
    /// A pass each, in order; a partition with more keys than fit into the map has several.
    public internal(set) var passes: [PartitionCompactionResult] = []

    public var bytesRead: Int { passes.reduce(0) { $0 + $1.bytesRead } }
    public var bytesWritten: Int { passes.reduce(0) { $0 + $1.bytesWritten } }
    public var recordsDropped: Int { passes.reduce(0) { $0 + $1.recordsDropped } }
    /// True: every pass went through to its end.
    public var isComplete: Bool { passes.allSatisfy { $0.ending == .finished } }
}

/// What a pass over a partition has done.
public struct PartitionCompactionResult: Sendable {
    public enum Ending: Equatable, Sendable {
        case finished
        /// It was told to stop; what was exchanged by then stays so.
        case stopped
        /// Its segments or its topic were deleted meanwhile.
        case gone
        case failed(LogError)
    }

    public internal(set) var topic = ""
    public internal(set) var partition = 0
    public internal(set) var ending = Ending.finished
    /// Bytes of batches that were read, most of the dirty part once for their keys and some a second time for the rest.
    public internal(set) var bytesRead = 0
    public internal(set) var bytesWritten = 0
    /// Bytes of the segments that were gone through.
    public internal(set) var bytesBefore = 0
    public internal(set) var recordsKept = 0
    public internal(set) var recordsDropped = 0
    public internal(set) var keyCount = 0
    public internal(set) var segmentsBefore = 0
    public internal(set) var segmentsAfter = 0
    /// Records before this are compacted now.
    public internal(set) var cleanedTo: Offset = 0
    /// The map was full before the dirty part ended: another pass goes on.
    public internal(set) var isUnfinished = false
    /// A batch that is whole and cannot be decoded; it was kept.
    public internal(set) var firstUnreadable: Offset?
    public internal(set) var duration = Duration.zero
}

/// What bounds a pass, besides the memory that `log.cleaner.dedupe.buffer.size` gives to keys.
struct CompactionLimits: Sendable {
    /// As many keys, however much memory there is.
    var keysMax = Int.max
    /// Memory for which offsets stay.
    var liveBytesMax = LiveOffsets.byteCountMax
}

/// A partition that is to be compacted, and what of it.
struct PartitionWork {
    let partition: Partition
    let settings: TopicSettings
    let plan: CompactionPlan
    /// Memory for keys.
    let mapBytes: Int
    /// Those of the plan.
    let segments: [Segment]
}
