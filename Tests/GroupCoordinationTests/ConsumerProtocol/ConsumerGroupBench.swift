@testable import GroupCoordination

/// A group by the consumer protocol with a clock, a timer, topics, and a disk that stores at once unless told
/// otherwise. Keeps every answer.
final class ConsumerGroupBench {
    enum Answer: Equatable {
        case told(ConsumerHeartbeatAnswer)
        case refused(GroupError)
    }

    var group: ConsumerProtocolGroup
    var now = Instant(milliseconds: 0)
    private(set) var timer: Instant?
    private(set) var answers: [RequestID: Answer] = [:]
    private(set) var answeredTwice: [RequestID] = []
    private(set) var expired: [MemberID: GroupExpiry] = [:]
    /// What a restart would find.
    private(set) var stored = StoredConsumerGroup()
    private(set) var batches: [[ConsumerGroupRecord]] = []
    /// What waits while `holdsStores`.
    private(set) var heldStores: [(StoreID, [ConsumerGroupRecord])] = []
    var holdsStores = false
    private var requests: UInt64 = 0

    /// Topics `a` with 4 partitions and `b` with 2.
    static let topics = topics(["a": 4, "b": 2])

    static func topics(_ counts: [String: Int32]) -> TopicsSnapshot {
        TopicsSnapshot(
            Dictionary(
                uniqueKeysWithValues: counts.map {
                    ($0.key, TopicsSnapshot.Topic(key: key($0.key), partitionCount: $0.value))
                }))
    }

    /// A key of its own for each name.
    static func key(_ name: String) -> TopicKey {
        TopicKey(high: 7, low: name.utf8.reduce(0) { $0 << 8 | UInt64($1) })
    }

    init(_ topics: TopicsSnapshot = topics, adjust: (inout ConsumerGroupRules) -> Void = { _ in }) {
        var rules = ConsumerGroupRules()
        adjust(&rules)
        group = ConsumerProtocolGroup(id: "g", rules: rules, topics: topics)
    }

    init(restoring stored: StoredConsumerGroup, _ topics: TopicsSnapshot = topics) {
        self.stored = stored
        group = ConsumerProtocolGroup(
            id: "g", rules: ConsumerGroupRules(), restoring: stored, topics: topics, at: now)
        carryOut()
    }

    // MARK: Requests

    @discardableResult
    func heartbeat(
        _ id: String, _ epoch: Int32, instance: String? = nil, rack: String? = nil, timeout: Int64? = nil,
        names: [String]? = nil, pattern: String? = nil, assignor: String? = nil, owned: [TopicShare]? = nil,
        fresh: String = "fresh", requiresID: Bool = true
    ) -> RequestID {
        let request = ConsumerHeartbeat(
            request: RequestID(0), memberID: MemberID(id), freshMemberID: MemberID(fresh),
            epoch: GroupEpoch(epoch), instanceID: instance.map { InstanceID($0) }, rackID: rack, clientID: "client",
            clientHost: "/127.0.0.1", rebalanceTimeout: timeout, topicNames: names, topicPattern: pattern,
            assignor: assignor, owned: owned, requiresMemberID: requiresID)
        return send(request)
    }

    var requestCount: Int { Int(requests) }

    /// Gives the request its number.
    @discardableResult
    func send(_ heartbeat: ConsumerHeartbeat) -> RequestID {
        requests += 1
        var request = heartbeat
        request.request = RequestID(requests)
        group.heartbeat(request, at: now)
        carryOut()
        return request.request
    }

    /// A join with topic `a`, unless other topics are named.
    @discardableResult
    func join(
        _ id: String, instance: String? = nil, names: [String]? = ["a"], pattern: String? = nil,
        assignor: String? = nil
    ) -> RequestID {
        heartbeat(
            id, 0, instance: instance, timeout: 30_000, names: names, pattern: pattern, assignor: assignor, owned: [])
    }

    /// A member says what it owns, until it has come to its target as far as it can.
    func settle(_ ids: String...) {
        for _ in 0..<4 {
            for id in ids {
                guard let member = group.members[MemberID(id)] else { continue }
                heartbeat(id, member.epoch.value, owned: member.assigned.shares)
            }
        }
    }

    func advance(_ milliseconds: Int64) {
        let end = now.advanced(by: milliseconds)
        var rings = 0
        while let due = timer, due <= end {
            rings += 1
            precondition(rings < 1000, "the timer rings again and again")
            now = max(now, due)
            timer = nil
            group.wake(at: now)
            carryOut()
        }
        now = end
    }

    func setTopics(_ counts: [String: Int32]) { setTopics(Self.topics(counts)) }

    func setTopics(_ topics: TopicsSnapshot) {
        group.topicsChanged(topics, at: now)
        carryOut()
    }

    func fence() -> GroupError? {
        defer { carryOut() }
        do throws(GroupError) {
            _ = try group.fence()
            return nil
        } catch {
            return error
        }
    }

    /// Lifts the fence, with its records stored or lost.
    func lift(stored: Bool = true) {
        if stored { for record in group.fencedRecords { self.stored.apply(record) } }
        group.lift(stored: stored, at: now)
        carryOut()
    }

    /// The record is there after a restart.
    func apply(_ record: ConsumerGroupRecord) { stored.apply(record) }

    func abandon(_ request: RequestID) { group.abandon(request) }

    func unload() {
        group.unload()
        carryOut()
    }

    func leave(_ members: (id: String, instance: String?)...) -> [GroupError?] {
        defer { carryOut() }
        let departures = members.map {
            Departure(memberID: MemberID($0.id), instanceID: $0.instance.map { InstanceID($0) })
        }
        return (try? group.leave(departures, at: now)) ?? [.notCoordinator]
    }

    func commit(_ id: String, _ epoch: Int32) -> GroupError? {
        do throws(GroupError) {
            try group.checkCommit(by: MemberID(id), epoch: GroupEpoch(epoch))
            return nil
        } catch {
            return error
        }
    }

    /// Stores what was held.
    func store(succeeding: Bool = true) {
        let held = heldStores
        heldStores = []
        for (number, records) in held {
            if succeeding { for record in records { stored.apply(record) } }
            group.stored(number, succeeded: succeeding, at: now)
        }
        carryOut()
    }

    func carryOut() {
        for action in group.takeActions() {
            switch action {
            case .answer(let request, let answer): note(request, .told(answer))
            case .refuse(let request, let error): note(request, .refused(error))
            case .setTimer(let time): timer = time
            case .cancelTimer: timer = nil
            case .expired(let id, let why): expired[id] = why
            case .store(let number, let records):
                batches.append(records)
                heldStores.append((number, records))
            }
        }
        if !holdsStores, !heldStores.isEmpty { store() }
    }

    private func note(_ request: RequestID, _ answer: Answer) {
        if answers.updateValue(answer, forKey: request) != nil { answeredTwice.append(request) }
    }
}

extension ConsumerGroupBench {
    func told(_ request: RequestID) -> ConsumerHeartbeatAnswer? {
        if case .told(let answer) = answers[request] { answer } else { nil }
    }

    func refusal(_ request: RequestID) -> GroupError? {
        if case .refused(let error) = answers[request] { error } else { nil }
    }

    /// As `a0 a1 b0`.
    func assignment(_ request: RequestID) -> String? { told(request)?.assignment.map { Self.text(Set($0)) } }

    func assigned(_ id: String) -> String { Self.text(group.members[MemberID(id)]?.assigned ?? []) }
    func target(_ id: String) -> String { Self.text(group.targets[MemberID(id)] ?? []) }
    func epoch(_ id: String) -> Int32? { group.members[MemberID(id)]?.epoch.value }

    static func text(_ partitions: Set<TopicPartition>) -> String {
        partitions.map { "\(name($0.topic))\($0.partition)" }.sorted().joined(separator: " ")
    }

    private static func name(_ key: TopicKey) -> String {
        let bytes = stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: key.low >> UInt64($0)) }
        return String(decoding: bytes.filter { $0 != 0 }, as: UTF8.self)
    }

    static func shares(_ text: String) -> [TopicShare] {
        Set(
            text.split(separator: " ").map { one in
                let number = one.drop { !$0.isNumber }
                return TopicPartition(
                    topic: key(String(one.dropLast(number.count))), partition: Int32(number) ?? -1)
            }
        ).shares
    }
}
