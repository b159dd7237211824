/// Encodes records into batches and gives them to a partition: one call's worth of appends.
final class BatchAppender {
    let partition: Partition
    private let pooled: PooledBuilder
    private let bytesTarget: Int
    /// The time of records that carry none of their own.
    private let now: Timestamp
    private(set) var firstOffset: Offset?
    private(set) var endOffset: Offset = 0
    /// The last batch: those before it become durable no later.
    private(set) var lastTicket: AppendTicket?
    private var isFinished = false

    /// A batch is closed at this many bytes before compression: large enough that a batch's own cost does not show.
    static let bytesTarget = 256 << 10

    init(_ partition: Partition, now: Timestamp) {
        self.partition = partition
        self.now = now
        let settings = partition.settings
        pooled = partition.builders.take(compression: settings.compression == .lz4 ? .lz4 : .none)
        bytesTarget = min(Self.bytesTarget, settings.batchBytesMax)
    }

    deinit { partition.builders.give(back: pooled) }

    /// Adds records from `start` on as far as the batch has room: `stage` it before the next. Returns how many.
    func add(_ records: [Record], from start: Int) -> Int {
        isFinished = false
        return pooled.builder.append(contentsOf: records, from: start, defaultTimestamp: now, bytesMax: bytesTarget)
    }

    /// Gives the batch to the round that gathers. A round to wait for where there is no room: then call it again.
    func stage(isCommittedByCaller: Bool) throws(LogError) -> UInt64? {
        guard pooled.builder.count > 0 else { return nil }
        switch try encodeAndAppend(isCommittedByCaller: isCommittedByCaller) {
        case .full(let round): return round
        case .rejected(let error): throw error
        case .accepted(let ticket), .duplicate(let ticket):
            // Of a batch before this one the offset may have been given again.
            if let lastTicket, lastTicket.era != ticket.era, let refusal = partition.refusal(of: lastTicket) {
                throw refusal
            }
            if firstOffset == nil { firstOffset = ticket.baseOffset }
            endOffset = ticket.lastOffset.advanced(by: 1)
            lastTicket = ticket
            pooled.builder.reset()
            return nil
        }
    }

    private func encodeAndAppend(isCommittedByCaller: Bool) throws(LogError) -> AppendOutcome {
        do {
            if !isFinished { try pooled.builder.finish() }
            isFinished = true
            return try pooled.builder.withUnsafeBytes { bytes throws(BatchError) in
                partition.append(
                    bytes, header: try RecordBatchHeader(parsing: bytes.bytes), isCommittedByCaller: isCommittedByCaller
                )
            }
        } catch {
            throw .corruptBatch(error)
        }
    }

    /// All that was added is in rounds.
    var staged: StagedAppend { StagedAppend(self) }
}

/// What is left of an appender when its memory has gone back to the pool: while it waits for the disk, others use that.
struct StagedAppend {
    private let partition: Partition
    private let ticket: AppendTicket?
    private let offsets: Range<Offset>

    fileprivate init(_ appender: BatchAppender) {
        partition = appender.partition
        ticket = appender.lastTicket
        let first = appender.firstOffset ?? partition.end
        offsets = first..<max(first, appender.endOffset)
    }

    /// The one to wait for; nil: there were no records.
    var round: UInt64? { ticket?.round }

    /// After the round: what the records got, empty at the end where there were none. Throws why they are not durable.
    func outcome() throws(LogError) -> Range<Offset> {
        if let ticket, let failure = partition.outcome(of: ticket) { throw failure }
        return offsets
    }
}
