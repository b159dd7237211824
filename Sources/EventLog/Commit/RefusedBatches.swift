/// Which batches of a partition were refused after they had their offsets: where a segment cannot be written, the log goes
/// back to the end that it has, and the offsets past it are given again.
///
/// An *era* is the time between two such refusals. A ticket names the era in which its batch got its offsets. When the
/// era ended, the batches below its end were on the disk, and those from there on were not and never will be.
struct RefusedBatches {
    private(set) var era: UInt64 = 0
    /// Why the last era ended.
    private(set) var reason: LogError?
    /// Where eras ended, oldest first. A log never goes back further than it has before, so the ends ascend; of those with
    /// the same end the latest era is kept.
    private var ends: [(era: UInt64, end: Offset)] = []
    /// Eras before this one are not known any more.
    private var firstKnown: UInt64 = 0

    /// Beyond this the oldest ends are forgotten: who asks for a ticket that old is told that it was refused.
    static let endsMax = 1024

    /// Ends the era: what has offsets from `end` on is refused.
    mutating func endEra(at end: Offset, because reason: LogError) {
        if let last = ends.last, last.end == end { ends.removeLast() }
        ends.append((era, end))
        if ends.count > Self.endsMax { firstKnown = ends.removeFirst().era + 1 }
        self.reason = reason
        era += 1
    }

    /// Why the ticket's batch was refused; nil: it was not.
    func refusal(of ticket: AppendTicket) -> LogError? {
        guard ticket.era < era else { return nil }
        if ticket.era >= firstKnown, let end = ends.first(where: { $0.era >= ticket.era })?.end,
            ticket.lastOffset < end
        {
            return nil
        }
        return reason
    }
}
