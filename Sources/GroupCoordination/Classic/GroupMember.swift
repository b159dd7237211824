/// A member of a group, and what the coordinator owes it.
struct GroupMember: Sendable {
    var id: MemberID
    let instanceID: InstanceID?
    /// Members are ordered by this: the leader is the first.
    let arrival: UInt64
    var clientID: String
    var clientHost: String
    /// In milliseconds.
    var sessionTimeout: Int64
    var rebalanceTimeout: Int64
    /// The best first, each name once.
    var protocols: [GroupProtocol]
    var assignment: [UInt8] = []

    var parkedJoin: RequestID?
    var parkedSync: RequestID?
    /// It has joined this generation, and not yet asked for its assignment.
    var owesSync = false
    /// It has never been answered.
    var isNew = true
    /// When it is given up, unless it is heard of before.
    var deadline: Instant

    init(_ request: JoinRequest, id: MemberID, arrival: UInt64, deadline: Instant) {
        self.id = id
        instanceID = request.instanceID
        self.arrival = arrival
        clientID = request.clientID
        clientHost = request.clientHost
        sessionTimeout = request.sessionTimeout
        rebalanceTimeout = request.rebalanceTimeout
        protocols = request.distinctProtocols
        self.deadline = deadline
    }

    init(_ stored: GroupRecord.Member, protocolName: String, arrival: UInt64, deadline: Instant) {
        id = stored.id
        instanceID = stored.instanceID
        self.arrival = arrival
        clientID = stored.clientID
        clientHost = stored.clientHost
        sessionTimeout = stored.sessionTimeout
        rebalanceTimeout = stored.rebalanceTimeout
        protocols = [GroupProtocol(name: protocolName, metadata: stored.metadata)]
        assignment = stored.assignment
        isNew = false
        self.deadline = deadline
    }

    var isWaiting: Bool { parkedJoin != nil || parkedSync != nil }

    /// Nil where it is the coordinator's turn: a member that waits for an answer cannot be heard of.
    var expiry: Instant? { isWaiting && !isNew ? nil : deadline }

    /// Of what it is called, which is as long as its client likes.
    var textBytes: Int { id.value.utf8.count + nameBytes(instanceID, clientID, clientHost) }

    func metadata(of protocolName: String?) -> [UInt8]? { protocols.first { $0.name == protocolName }?.metadata }

    mutating func update(_ request: JoinRequest) {
        clientID = request.clientID
        clientHost = request.clientHost
        sessionTimeout = request.sessionTimeout
        rebalanceTimeout = request.rebalanceTimeout
        protocols = request.distinctProtocols
    }
}

private func nameBytes(_ instanceID: InstanceID?, _ clientID: String, _ clientHost: String) -> Int {
    (instanceID?.value.utf8.count ?? 0) + clientID.utf8.count + clientHost.utf8.count
}

extension JoinRequest {
    /// Of what the member will be called.
    func textBytes(as id: MemberID) -> Int { id.value.utf8.count + nameBytes(instanceID, clientID, clientHost) }

    /// Of protocols with the same name, the first.
    var distinctProtocols: [GroupProtocol] {
        var names: Set<String> = []
        return protocols.filter { names.insert($0.name).inserted }
    }
}
