internal import EventLog
internal import KafkaProtocol
internal import Synchronization

/// The partitions that a client reads from again and again, kept between its requests (KIP-227): a request names what
/// has changed of them, an answer what there is to tell.
///
/// Whoever names its id and the epoch that is due may go on with it, by any connection. A request looks only at
/// partitions that may have something to tell. The others are watched: a partition that grows reports itself, from
/// whatever thread, so that one that is quiet costs nothing.
final class FetchSession: Sendable {
    let id: Int32
    /// Since version 13 requests name topics by id; a session keeps to what it began with.
    let usesTopicIDs: Bool
    private let state = Mutex(State())
    private let news = Mutex(News())

    private struct News {
        /// Watched partitions that have changed, each once.
        var partitions: [FetchSessionPartition] = []
        var waiter: (any PartitionWatcher)?

        mutating func takeWaiter() -> (any PartitionWatcher)? {
            defer { waiter = nil }
            return waiter
        }
    }

    /// The epoch of the request after one of `epoch`: past the largest it is 1 again, as 0 begins a session.
    static func epoch(after epoch: Int32) -> Int32 { epoch == .max ? 1 : epoch + 1 }

    /// Of what a full fetch asked for and was answered.
    init(id: Int32, usesTopicIDs: Bool, _ request: FetchRequest, answered response: FetchResponse) {
        self.id = id
        self.usesTopicIDs = usesTopicIDs
        state.withLock { state in
            for (topic, answer) in zip(request.topics, response.responses) {
                for (wanted, data) in zip(topic.partitions, answer.partitions) {
                    state.want(wanted, of: topic, in: self).takeNote(of: data)
                }
            }
        }
    }

    var partitionCount: Int { state.withLock { $0.partitions.count } }

    /// Takes over what an incremental fetch changes, and returns how many partitions there are now. A request that
    /// still waits learns that it was overtaken.
    func take(_ request: FetchRequest, usesTopicIDs: Bool) throws(FetchSessionError) -> Int {
        let count = try state.withLock { state throws(FetchSessionError) in
            guard !state.isClosed else { throw .unknown }
            guard state.epoch == request.sessionEpoch else { throw .wrongEpoch }
            guard self.usesTopicIDs == usesTopicIDs else { throw .otherTopicNaming }
            state.epoch = Self.epoch(after: state.epoch)
            for topic in request.topics {
                for wanted in topic.partitions { state.want(wanted, of: topic, in: self) }
            }
            state.forget(request.forgottenTopicsData)
            return state.partitions.count
        }
        news.withLock { $0.takeWaiter() }?.partitionAdvanced()
        return count
    }

    /// Adds what there is to tell to `plan`, for the request of `epoch`. Where that is the answer, because it is enough
    /// or because `isLast`, the session takes note of it.
    func read(into plan: inout FetchPlan, epoch: Int32, isLast: Bool) {
        state.withLock { state in
            if let error = state.error(ofRequest: epoch) { return plan.refuse(error.wireCode) }
            news.withLock { swap(&$0.partitions, &state.changed) }
            state.takeChanged()
            state.read(&plan)
            plan.partitionCount = state.partitions.count
            if isLast || plan.isEnough { state.takeNote() }
        }
    }

    /// Has `waiter` called when there is something new for the request of `epoch`. False: there is already.
    func wait(_ waiter: any PartitionWatcher, epoch: Int32) -> Bool {
        state.withLock { state in
            guard state.error(ofRequest: epoch) == nil, state.watchAll() else { return false }
            return news.withLock { news in
                guard news.partitions.isEmpty else { return false }
                news.waiter = waiter
                return true
            }
        }
    }

    func stopWaiting(_ waiter: any PartitionWatcher) {
        news.withLock { if $0.waiter === waiter { $0.waiter = nil } }
    }

    /// A partition that is watched has changed.
    func changed(_ partition: FetchSessionPartition) {
        let waiter = news.withLock { news in
            news.partitions.append(partition)
            return news.takeWaiter()
        }
        waiter?.partitionAdvanced()
    }

    /// It has been given up: no partition is watched for it any more, and a request that waits is told so.
    func close() {
        state.withLock { $0.close() }
        news.withLock { news in
            news.partitions = []
            return news.takeWaiter()
        }?.partitionAdvanced()
    }
}

extension FetchSession {
    private struct State {
        /// Of the next request.
        var epoch = FetchSession.epoch(after: 0)
        private(set) var isClosed = false
        private(set) var partitions: [FetchPlace: FetchSessionPartition] = [:]
        /// Those that may have something to tell, in the order of reading.
        private var active: [FetchSessionPartition] = []
        /// Those that the last look has something to tell of.
        private var told: [FetchSessionPartition] = []
        /// Those that were watched and are not any more.
        var changed: [FetchSessionPartition] = []

        func error(ofRequest epoch: Int32) -> FetchSessionError? {
            if isClosed { return .unknown }
            return self.epoch == FetchSession.epoch(after: epoch) ? nil : .wrongEpoch
        }

        @discardableResult
        mutating func want(
            _ wanted: FetchRequest.Partition, of topic: FetchRequest.Topic, in session: FetchSession
        ) -> FetchSessionPartition {
            let place = FetchPlace(topic, wanted.partition)
            guard let partition = partitions[place] else {
                let partition = FetchSessionPartition(place, wanted, in: session)
                partitions[place] = partition
                active.append(partition)
                return partition
            }
            partition.wanted = wanted
            activate(partition)
            return partition
        }

        private mutating func activate(_ partition: FetchSessionPartition) {
            guard !partition.isActive else { return }
            partition.isActive = true
            active.append(partition)
        }

        mutating func forget(_ topics: [FetchRequest.ForgottenTopic]) {
            guard !topics.isEmpty else { return }
            for topic in topics {
                for partition in topic.partitions {
                    partitions.removeValue(forKey: FetchPlace(topic, partition))?.leave()
                }
            }
            active.removeAll { $0.hasLeft }
        }

        mutating func takeChanged() {
            for partition in changed where !partition.hasLeft {
                partition.isWatched = false
                activate(partition)
            }
            changed.removeAll(keepingCapacity: true)
        }

        mutating func read(_ plan: inout FetchPlan) {
            told.removeAll(keepingCapacity: true)
            var kept = 0
            for index in active.indices {
                let partition = active[index]
                partition.isActive = read(partition, &plan)
                guard partition.isActive else { continue }
                active[kept] = partition
                kept += 1
            }
            active.removeSubrange(kept...)
        }

        /// False: there is nothing to tell of the partition until it changes, which is watched.
        private mutating func read(_ partition: FetchSessionPartition, _ plan: inout FetchPlan) -> Bool {
            while true {
                let data = partition.look(&plan)
                if partition.hasNews(data) {
                    told.append(partition)
                    plan.add(data, of: partition.place)
                    return true
                }
                if !partition.isAtEnd { return true }
                if partition.watch() { return false }
                // It has grown since the look.
            }
        }

        /// Has those with something to tell that is not enough yet watched, too. False: one has grown since the look.
        func watchAll() -> Bool { active.allSatisfy { $0.watch() } }

        /// What the last look had to tell is told. Partitions whose records were sent are read last from now on, so
        /// that none starves where an answer has no room for all.
        mutating func takeNote() {
            var isMoved = false
            for partition in told {
                partition.takeNote()
                if partition.hasRecords { isMoved = true }
            }
            guard isMoved, active.count > 1 else { return }
            let sent = told.filter(\.hasRecords)
            active.removeAll { $0.hasRecords }
            active += sent
        }

        mutating func close() {
            isClosed = true
            for partition in partitions.values { partition.leave() }
            partitions = [:]
            active = []
            told = []
            changed = []
        }
    }
}

/// A partition as a fetch names it: by the topic's name, or by its id.
struct FetchPlace: Hashable, Sendable {
    let topic: String
    let topicID: UUIDBytes
    let partition: Int32

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
