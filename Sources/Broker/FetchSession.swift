internal import EventLog
internal import KafkaProtocol
internal import Synchronization

/// The partitions that a client reads from again and again, kept between its requests (KIP-227): a request names what
/// has changed of them, an answer what there is to tell.
///
/// Whoever names its id and the epoch that is due may go on with it, by any connection. The lock is held for one look
/// at the partitions. A request that waits looks again later; where the session has gone on by then, its epoch says so.
final class FetchSession: Sendable {
    let id: Int32
    /// Since version 13 requests name topics by id; a session keeps to what it began with.
    let usesTopicIDs: Bool
    private let state: Mutex<State>

    /// The epoch of the request after one of `epoch`: past the largest it is 1 again, as 0 begins a session.
    static func epoch(after epoch: Int32) -> Int32 { epoch == .max ? 1 : epoch + 1 }

    /// Of what a full fetch asked for and was answered.
    init(id: Int32, usesTopicIDs: Bool, _ request: FetchRequest, answered response: FetchResponse) {
        self.id = id
        self.usesTopicIDs = usesTopicIDs
        state = Mutex(State(request, answered: response))
    }

    var partitionCount: Int { state.withLock { $0.order.count } }

    /// Takes over what an incremental fetch changes, and returns how many partitions there are now.
    func take(_ request: FetchRequest, usesTopicIDs: Bool) throws(FetchSessionError) -> Int {
        try state.withLock { state throws(FetchSessionError) in
            guard state.epoch == request.sessionEpoch else { throw .wrongEpoch }
            guard self.usesTopicIDs == usesTopicIDs else { throw .otherTopicNaming }
            state.epoch = Self.epoch(after: state.epoch)
            for topic in request.topics {
                for wanted in topic.partitions { state.want(wanted, of: topic) }
            }
            state.forget(request.forgottenTopicsData)
            return state.order.count
        }
    }

    /// Adds what there is to tell to `plan`, for the request of `epoch`. Where that is the answer, because it is enough
    /// or because `isLast`, the session takes note of it.
    func read(into plan: inout FetchPlan, epoch: Int32, isLast: Bool) {
        state.withLock { state in
            guard state.epoch == Self.epoch(after: epoch) else {
                return plan.refuse(FetchSessionError.wrongEpoch.wireCode)
            }
            state.read(&plan)
            plan.partitionCount = state.order.count
            if isLast || plan.isEnough { state.takeNote() }
        }
    }

    /// Has `watcher` called when a partition grows past what was seen last, and adds those that will to `watched`.
    /// False: one has grown already, or the session has gone on without the request of `epoch`.
    func watch(_ watcher: any PartitionWatcher, epoch: Int32, _ watched: inout [Partition]) -> Bool {
        state.withLock { state in
            guard state.epoch == Self.epoch(after: epoch) else { return false }
            watched.reserveCapacity(state.order.count)
            for index in state.order {
                let slot = state.slots[Int(index)]
                guard let partition = slot.partition else { continue }
                guard partition.watch(past: Offset(slot.seenEnd), watcher) else { return false }
                watched.append(partition)
            }
            return true
        }
    }
}

extension FetchSession {
    private struct State {
        /// Of the next request.
        var epoch = FetchSession.epoch(after: 0)
        var slots: [Slot] = []
        /// Which slots are used, in the order of reading.
        var order: [Int32] = []
        private var free: [Int32] = []
        private var places: [FetchPlace: Int32] = [:]
        /// What the last look has to tell.
        private var told: [Int32] = []

        init(_ request: FetchRequest, answered response: FetchResponse) {
            for (topic, answer) in zip(request.topics, response.responses) {
                for (wanted, data) in zip(topic.partitions, answer.partitions) {
                    want(wanted, of: topic, answered: data)
                }
            }
        }

        mutating func want(
            _ wanted: FetchRequest.Partition, of topic: FetchRequest.Topic,
            answered data: FetchResponse.PartitionData? = nil
        ) {
            let place = FetchPlace(topic, wanted.partition)
            var index = places[place]
            if let index {
                slots[Int(index)].take(wanted)
            } else {
                index = add(Slot(place, wanted))
                places[place] = index
            }
            guard let data, let index else { return }
            slots[Int(index)].see(data)
            slots[Int(index)].takeNote()
        }

        private mutating func add(_ slot: Slot) -> Int32 {
            guard let index = free.popLast() else {
                slots.append(slot)
                order.append(Int32(slots.count - 1))
                return Int32(slots.count - 1)
            }
            slots[Int(index)] = slot
            order.append(index)
            return index
        }

        mutating func forget(_ topics: [FetchRequest.ForgottenTopic]) {
            guard !topics.isEmpty else { return }
            for topic in topics {
                for partition in topic.partitions {
                    guard let index = places.removeValue(forKey: FetchPlace(topic, partition)) else { continue }
                    slots[Int(index)] = Slot()
                    free.append(index)
                }
            }
            order.removeAll { !slots[Int($0)].isUsed }
        }

        mutating func read(_ plan: inout FetchPlan) {
            told.removeAll(keepingCapacity: true)
            for index in order {
                let at = Int(index)
                if slots[at].isQuiet { continue }
                let (partition, missing) = slots[at].find(in: plan.log, byID: plan.namesByID)
                let data = plan.data(slots[at].wanted, partition, missing: missing)
                slots[at].see(data)
                guard slots[at].hasNews(data) else { continue }
                told.append(index)
                plan.add(data, of: slots[at].place)
            }
        }

        /// What the last look had to tell is told. Partitions whose records were sent are read last from now on, so
        /// that none starves where an answer has no room for all.
        mutating func takeNote() {
            var isMoved = false
            for index in told {
                slots[Int(index)].takeNote()
                if slots[Int(index)].hasRecords { isMoved = true }
            }
            guard isMoved, order.count > 1 else { return }
            var kept = 0
            var moved: [Int32] = []
            for index in order {
                if slots[Int(index)].hasRecords {
                    slots[Int(index)].hasRecords = false
                    moved.append(index)
                } else {
                    order[kept] = index
                    kept += 1
                }
            }
            order.replaceSubrange(kept..., with: moved)
        }
    }

    /// One partition of a session.
    private struct Slot {
        private(set) var place = FetchPlace()
        private(set) var wanted = FetchRequest.Partition()
        /// Weak: a session that nobody uses must not keep the files of a topic that is deleted.
        private(set) weak var partition: Partition?
        let isUsed: Bool
        /// At the last look.
        private(set) var seenEnd: Int64 = -1
        private var seenStart: Int64 = -1
        private var hasFailed = false
        var hasRecords = false
        /// What the client knows. −1: what is there is news to it.
        private var knownEnd: Int64 = -1
        private var knownStart: Int64 = -1
        /// True: the last look had nothing to tell, nor has the next one until the partition changes.
        private var isSettled = false

        init() { isUsed = false }

        init(_ place: FetchPlace, _ wanted: FetchRequest.Partition) {
            self.place = place
            self.wanted = wanted
            isUsed = true
        }

        mutating func take(_ wanted: FetchRequest.Partition) {
            self.wanted = wanted
            isSettled = false
        }

        /// True: nothing has changed since the last look had nothing to tell.
        var isQuiet: Bool {
            guard isSettled, let partition else { return false }
            return partition.end.value == seenEnd && partition.logStart.value == seenStart && partition.failure == nil
        }

        /// The partition, or why there is none. One that failed is looked for again: its topic may have been deleted,
        /// and made anew.
        mutating func find(in log: EventLog, byID: Bool) -> (partition: Partition?, missing: ErrorCode) {
            if let partition, partition.failure == nil { return (partition, .none) }
            let found = place.find(in: log, byID: byID)
            partition = found.partition
            return found
        }

        mutating func see(_ data: FetchResponse.PartitionData) {
            seenEnd = data.highWatermark
            seenStart = data.logStartOffset
            hasFailed = data.errorCode != .none
            hasRecords = data.records != .empty
        }

        /// Kafka's rule: records, an error, another end or start than the client knows. What it knows is forgotten with
        /// an error, so that it hears of the partition when the error is gone.
        mutating func hasNews(_ data: FetchResponse.PartitionData) -> Bool {
            let isNews =
                hasRecords || hasFailed || seenEnd != knownEnd || seenStart != knownStart
                || data.divergingEpoch != FetchResponse.EpochEndOffset()
            isSettled = !isNews && wanted.fetchOffset >= seenEnd
            return isNews
        }

        mutating func takeNote() {
            knownEnd = hasFailed ? -1 : seenEnd
            knownStart = seenStart
        }
    }
}

/// A partition as a fetch names it: by the topic's name, or by its id.
struct FetchPlace: Hashable, Sendable {
    let topic: String
    let topicID: UUIDBytes
    let partition: Int32

    init() {
        topic = ""
        topicID = UUIDBytes()
        partition = 0
    }

    init(_ topic: FetchRequest.Topic, _ partition: Int32) {
        self.topic = topic.topic
        topicID = topic.topicID
        self.partition = partition
    }

    init(_ topic: FetchRequest.ForgottenTopic, _ partition: Int32) {
        self.topic = topic.topic
        topicID = topic.topicID
        self.partition = partition
    }

    /// The partition, or why there is none.
    func find(in log: EventLog, byID: Bool) -> (partition: Partition?, missing: ErrorCode) {
        let (found, missing) = log.topic(topic, topicID, byID: byID)
        guard let found else { return (nil, missing) }
        return (found.partition(Int(partition)), .unknownTopicOrPartition)
    }
}

extension EventLog {
    /// A topic by its id or its name, whichever the request's version has; or why there is none.
    func topic(_ name: String, _ id: UUIDBytes, byID: Bool) -> (topic: Topic?, missing: ErrorCode) {
        byID ? (topic(id: TopicID(id)), .unknownTopicID) : (topic(name), .unknownTopicOrPartition)
    }
}

/// Why a fetch cannot go on with a session. The client begins a new one.
enum FetchSessionError: Error {
    /// Nobody has it, or it had to make room.
    case unknown
    /// A request was lost, or came twice.
    case wrongEpoch
    /// It names topics by id, and the session by name; or the other way round.
    case otherTopicNaming

    var wireCode: ErrorCode {
        switch self {
        case .unknown: .fetchSessionIDNotFound
        case .wrongEpoch: .invalidFetchSessionEpoch
        case .otherTopicNaming: .fetchSessionTopicIDError
        }
    }
}
