/// A group by Kafka's consumer protocol (KIP-848), seen from its members: each takes up what a heartbeat assigns to it, or
/// gives up what it takes away, and says so at once.
final class ConsumerRebalance {
    private let group: String
    private let topic: String
    private let partitions: Int32
    private let address: WireAddress
    private let schedule: HeartbeatSchedule
    private let loop = MemberLoop<ConsumerMember>()

    init(
        group: String, topic: String, partitions: Int32, address: WireAddress, heartbeats: Duration = .milliseconds(100)
    ) {
        self.group = group
        self.topic = topic
        self.partitions = partitions
        self.address = address
        schedule = HeartbeatSchedule(interval: heartbeats)
    }

    func form(_ count: Int) throws {
        for _ in 0..<count { try join() }
        try settle()
    }

    private func join() throws {
        let member = ConsumerMember(
            group: group, topic: topic, connection: try WireConnection(to: address), schedule)
        loop.add(member)
        try member.join()
    }

    /// Seconds from the request of one more member until every member has reached the latest epoch and all partitions are
    /// owned.
    func addOne() throws -> Double {
        try seconds {
            try join()
            try settle()
        }
    }

    /// The same from when a member leaves.
    func removeOne() throws -> Double {
        guard let member = loop.remove() else { return 0 }
        return try seconds {
            try member.leave()
            try settle()
        }
    }

    private func settle() throws {
        try loop.run {
            var owned = 0
            var epoch: Int32?
            for member in self.loop.members.values {
                guard member.epoch > 0, member.isSettled, epoch ?? member.epoch == member.epoch else { return false }
                epoch = member.epoch
                owned += member.ownedCount
            }
            return owned == self.partitions
        }
        let owned = loop.members.values.flatMap { $0.owned.flatMap(\.partitions) }.sorted()
        guard owned == Array(0..<partitions) else {
            throw RebalanceError.wrongAssignment("of \(partitions) partitions, \(Set(owned).count) are owned")
        }
    }
}

/// A member of a group by the consumer protocol.
final class ConsumerMember: GroupMember {
    let connection: WireConnection
    private(set) var epoch: Int32 = 0
    private(set) var owned: [TopicAssignment] = []
    private(set) var heartbeatDue: ContinuousClock.Instant?
    private var id = ""
    private var waits = false
    /// The coordinator knows what it owns.
    private var isReported = true
    private let group: String
    private let topic: String
    private let schedule: HeartbeatSchedule

    init(group: String, topic: String, connection: WireConnection, _ schedule: HeartbeatSchedule) {
        self.group = group
        self.topic = topic
        self.connection = connection
        self.schedule = schedule
    }

    var isSettled: Bool { isReported }
    var ownedCount: Int { owned.reduce(0) { $0 + $1.partitions.count } }

    var standing: String {
        "with \(ownedCount) partitions at epoch \(epoch)" + (waits ? ", waiting for an answer" : "")
    }

    func join() throws { try send(topic: topic, owned: []) }
    func sendHeartbeat() throws { try send(topic: nil, owned: isReported ? nil : owned) }

    func leave() throws {
        while waits { try connection.receive(waiting: true, take) }
        let code = try connection.call(
            .consumerHeartbeat(group, member: id, epoch: -1, topic: nil, owned: nil)
        ) { answer in (answer.integer(Int32.self), answer.integer(Int16.self)).1 }
        guard code == GroupErrorCode.none else { throw WireError.refused("leaving a group", code) }
    }

    private func send(topic: String?, owned: [TopicAssignment]?) throws {
        heartbeatDue = nil
        waits = true
        isReported = true
        try connection.send(
            WireRequest.consumerHeartbeat(group, member: id, epoch: epoch, topic: topic, owned: owned).frame)
    }

    func take(_ frame: UnsafeRawBufferPointer) throws {
        waits = false
        let answer = WireReader.answer(frame, isFlexible: true, ConsumerHeartbeatAnswer.init)
        guard answer.error == GroupErrorCode.none else {
            throw WireError.refused("ConsumerGroupHeartbeat", answer.error)
        }
        id = answer.member
        epoch = answer.epoch
        guard let assigned = answer.assigned, assigned != owned else {
            heartbeatDue = schedule.next()
            return
        }
        owned = assigned
        // It says so at once: others may wait for what it gave up.
        isReported = false
        heartbeatDue = .now
    }
}

private struct ConsumerHeartbeatAnswer {
    let error: Int16
    let member: String
    let epoch: Int32
    /// nil: as before.
    var assigned: [TopicAssignment]?

    init(_ answer: inout WireReader) {
        _ = answer.integer(Int32.self)
        error = answer.integer()
        _ = answer.compactString()
        member = answer.compactString()
        epoch = answer.integer()
        _ = answer.integer(Int32.self)
        guard answer.integer(Int8.self) >= 0 else { return }
        assigned = answer.compactArray { topic in
            let id = topic.raw(16)
            let partitions = topic.compactArray { $0.integer(Int32.self) }
            topic.skipTags()
            return TopicAssignment(topicID: id, partitions: partitions.sorted())
        }
    }
}
