/// What an append got.
package enum AppendOutcome: Sendable {
    /// In the round that gathers; wait for its end.
    case accepted(AppendTicket)
    /// The producer sent it before: this is where it went. Wait for that round.
    case duplicate(AppendTicket)
    /// No room in the round that gathers: try again after this one.
    case full(awaiting: UInt64)
    case rejected(LogError)
}

/// Where a batch went, and which round makes it durable.
package struct AppendTicket: Sendable {
    package let baseOffset: Offset
    package let lastOffset: Offset
    package let logAppendTime: Timestamp?
    package let round: UInt64

    /// Of the partition, when it gave the offsets: they may be another batch's later.
    let era: UInt64

    init(baseOffset: Offset, lastOffset: Offset, logAppendTime: Timestamp?, round: UInt64, era: UInt64) {
        self.baseOffset = baseOffset
        self.lastOffset = lastOffset
        self.logAppendTime = logAppendTime
        self.round = round
        self.era = era
    }

    init(_ batch: ProducerTable.Batch, era: UInt64) {
        self.init(
            baseOffset: batch.baseOffset, lastOffset: batch.lastOffset, logAppendTime: nil, round: batch.round,
            era: era)
    }
}
