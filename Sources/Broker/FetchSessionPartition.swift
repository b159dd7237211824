internal import EventLog
internal import KafkaProtocol

/// One partition of a session: what the client wants of it, and what it knows.
final class FetchSessionPartition: PartitionWatcher, @unchecked Sendable {
    // Unchecked: used under the session's lock, but for `partitionAdvanced`.
    let place: FetchPlace
    var wanted: FetchRequest.Partition
    /// True: it is among those that the session reads.
    var isActive = true
    /// True: the partition calls when it changes, or has called and the session has not taken note yet.
    var isWatched = false
    /// True: it is in no session any more.
    private(set) var hasLeft = false
    /// At the last look.
    private(set) var hasRecords = false
    private var hasFailed = false
    private var seenEnd: Int64 = -1
    private var seenStart: Int64 = -1
    /// What the client knows. −1: what is there is news to it.
    private var knownEnd: Int64 = -1
    private var knownStart: Int64 = -1
    private weak var session: FetchSession?
    /// Weak: a session that nobody uses must not keep the files of a topic that is deleted.
    private weak var partition: Partition?

    init(_ place: FetchPlace, _ wanted: FetchRequest.Partition, in session: FetchSession) {
        self.place = place
        self.wanted = wanted
        self.session = session
    }

    // MARK: Reading

    /// What there is to answer. A partition that has failed is looked for again: its topic may have been deleted, and
    /// made anew.
    func look(_ plan: inout FetchPlan) -> FetchResponse.PartitionData {
        var missing = ErrorCode.none
        var found = partition
        if found == nil || found?.failure != nil {
            (found, missing) = place.find(in: plan.log, byID: plan.namesByID)
            partition = found
        }
        let data = plan.data(wanted, found, missing: missing)
        see(data)
        return data
    }

    private func see(_ data: FetchResponse.PartitionData) {
        seenEnd = data.highWatermark
        seenStart = data.logStartOffset
        hasFailed = data.errorCode != .none
        hasRecords = data.records != .empty
    }

    /// Kafka's rule: records, an error, a truncation, another end or start than the client knows. What it knows is
    /// forgotten with an error, so that it hears of the partition when the error is gone.
    func hasNews(_ data: FetchResponse.PartitionData) -> Bool {
        hasRecords || hasFailed || seenEnd != knownEnd || seenStart != knownStart
            || data.divergingEpoch != FetchResponse.EpochEndOffset()
    }

    /// False: there are records that the last answer had no room for.
    var isAtEnd: Bool { wanted.fetchOffset >= seenEnd }

    /// What was seen last is told.
    func takeNote() {
        knownEnd = hasFailed ? -1 : seenEnd
        knownStart = seenStart
    }

    func takeNote(of data: FetchResponse.PartitionData) {
        see(data)
        takeNote()
    }

    // MARK: Watching

    /// Has the session hear of it when the partition changes. False: it has changed since the last look.
    func watch() -> Bool {
        if isWatched { return true }
        guard let partition else { return false }
        isWatched = partition.watch(past: Offset(seenEnd), self)
        return isWatched
    }

    func partitionAdvanced() { session?.changed(self) }

    /// Leaves the session.
    func leave() {
        hasLeft = true
        if isWatched { partition?.unwatch(self) }
    }
}
