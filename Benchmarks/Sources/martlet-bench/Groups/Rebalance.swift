/// A group by the classic protocol, whose members come and go, seen from its members: they join again as soon as a
/// heartbeat says so, and the leader shares out the partitions at once.
final class Rebalance {
    private let group: String
    private let topic: String
    private let partitions: Int32
    private let address: WireAddress
    private let schedule: HeartbeatSchedule
    private let loop = MemberLoop<ClassicMember>()

    init(
        group: String, topic: String, partitions: Int32, address: WireAddress, heartbeats: Duration = .milliseconds(100)
    ) {
        self.group = group
        self.topic = topic
        self.partitions = partitions
        self.address = address
        schedule = HeartbeatSchedule(interval: heartbeats)
    }

    /// Has `count` members join, and returns them when the group is stable.
    @discardableResult
    func form(_ count: Int) throws -> [ClassicMember] {
        for _ in 0..<count { try join() }
        try settle()
        return Array(loop.members.values)
    }

    private func join() throws {
        let member = ClassicMember(
            group: group, topic: topic, partitions: partitions, connection: try WireConnection(to: address), schedule)
        loop.add(member)
        try member.join()
    }

    /// Seconds from the request of one more member until the last member has its assignment.
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
            let code = try member.leave()
            guard code == GroupErrorCode.none else { throw WireError.refused("LeaveGroup", code) }
            let old = loop.members.values.map(\.generation).max() ?? 0
            try settle(beyond: old)
        }
    }

    /// Until all members are in one generation, each with its assignment.
    private func settle(beyond old: Int32 = 0) throws {
        try loop.run {
            var generations = self.loop.members.values.lazy.map { $0.isSettled ? $0.generation : -1 }.makeIterator()
            guard let first = generations.next(), first > old else { return false }
            while let next = generations.next() { guard next == first else { return false } }
            return true
        }
        let assigned = loop.members.values.flatMap(\.assigned).sorted()
        guard assigned == Array(0..<partitions) else {
            throw RebalanceError.wrongAssignment("of \(partitions) partitions, \(assigned.count) are assigned")
        }
    }
}

/// A member of a group by the classic protocol.
final class ClassicMember: GroupMember {
    let connection: WireConnection
    private(set) var id = ""
    private(set) var generation: Int32 = -1
    private(set) var assigned: [Int32] = []
    private(set) var heartbeatDue: ContinuousClock.Instant?
    private var waitsFor = Awaited.nothing
    private let group: String
    private let topic: String
    private let partitions: Int32
    private let schedule: HeartbeatSchedule

    private enum Awaited { case nothing, join, sync, heartbeat }

    init(
        group: String, topic: String, partitions: Int32, connection: WireConnection, _ schedule: HeartbeatSchedule
    ) {
        self.group = group
        self.topic = topic
        self.partitions = partitions
        self.connection = connection
        self.schedule = schedule
    }

    /// It has what it is to read, as far as it knows.
    var isSettled: Bool { waitsFor == .nothing || waitsFor == .heartbeat }

    var standing: String {
        isSettled ? "settled in generation \(generation)" : "waiting for \(waitsFor) after generation \(generation)"
    }

    func join() throws { try send(.join(group, member: id, topic: topic), .join) }
    func sendHeartbeat() throws { try send(.heartbeat(group, generation: generation, member: id), .heartbeat) }

    func leave() throws -> Int16 {
        while waitsFor != .nothing { try connection.receive(waiting: true, take) }
        return try connection.call(.leave(group, member: id)) { answer in
            (answer.integer(Int32.self), answer.integer(Int16.self)).1
        }
    }

    private func send(_ request: WireRequest, _ awaited: Awaited) throws {
        waitsFor = awaited
        heartbeatDue = nil
        try connection.send(request.frame)
    }

    func take(_ answer: UnsafeRawBufferPointer) throws {
        let awaited = waitsFor
        waitsFor = .nothing
        switch awaited {
        case .nothing: preconditionFailure("an answer that nobody waits for")
        case .join: try joined(WireReader.answer(answer, JoinAnswer.init))
        case .sync:
            let (code, assignment) = WireReader.answer(answer) { answer in
                _ = answer.integer(Int32.self)
                return (answer.integer(Int16.self), answer.bytes())
            }
            try synced(code, assignment)
        case .heartbeat:
            let code = WireReader.answer(answer) { answer in (answer.integer(Int32.self), answer.integer(Int16.self)).1
            }
            try heard(code)
        }
    }

    private func joined(_ answer: JoinAnswer) throws {
        id = answer.member
        if answer.error == GroupErrorCode.memberIDRequired { return try join() }
        guard answer.error == GroupErrorCode.none else { throw WireError.refused("JoinGroup", answer.error) }
        generation = answer.generation
        let assignments = answer.leader == id ? shares(of: answer.members) : []
        try send(.sync(group, generation: generation, member: id, assignments: assignments), .sync)
    }

    /// An equal share for each, as the range assignor gives.
    private func shares(of members: [String]) -> [(member: String, assignment: [UInt8])] {
        members.sorted().enumerated().map { place, member in
            let bounds = [place, place + 1].map { Int32($0 * Int(partitions) / members.count) }
            return (member, ClassicAssignment.encode(topic, bounds[0]..<bounds[1]))
        }
    }

    private func synced(_ code: Int16, _ assignment: [UInt8]) throws {
        if code == GroupErrorCode.rebalanceInProgress { return try join() }
        guard code == GroupErrorCode.none else { throw WireError.refused("SyncGroup", code) }
        assigned = ClassicAssignment.decode(assignment)
        heartbeatDue = schedule.first()
    }

    private func heard(_ code: Int16) throws {
        if code == GroupErrorCode.rebalanceInProgress { return try join() }
        guard code == GroupErrorCode.none else { throw WireError.refused("a heartbeat", code) }
        heartbeatDue = schedule.next()
    }
}

/// ConsumerProtocolAssignment, version 0.
enum ClassicAssignment {
    static func encode(_ topic: String, _ partitions: Range<Int32>) -> [UInt8] {
        var writer = WireWriter()
        writer.integer(Int16(0))
        writer.array([topic]) { writer, topic in
            writer.string(topic)
            writer.array(partitions) { $0.integer($1) }
        }
        writer.integer(Int32(-1))
        return writer.bytes
    }

    static func decode(_ bytes: [UInt8]) -> [Int32] {
        guard !bytes.isEmpty else { return [] }
        return WireReader.read(bytes) { reader in
            _ = reader.integer(Int16.self)
            return reader.array { topic -> [Int32] in
                _ = topic.string()
                return topic.array { $0.integer() }
            }.flatMap { $0 }
        }
    }
}
