/// A ConsumerGroupHeartbeat request: all that a member says. Nil is for what has not changed since its last one.
package struct ConsumerHeartbeat: Sendable {
    package var request: RequestID
    /// Empty where the member has none yet: so in version 0 alone.
    package var memberID: MemberID
    /// What a member without an id will be called: never used before.
    package var freshMemberID: MemberID
    package var epoch: GroupEpoch
    package var instanceID: InstanceID?
    package var rackID: String?
    package var clientID: String
    package var clientHost: String
    /// In milliseconds.
    package var rebalanceTimeout: Int64?
    package var topicNames: [String]?
    /// Empty: none any more.
    package var topicPattern: String?
    package var assignor: String?
    /// What it owns.
    package var owned: [TopicShare]?
    /// Whether a member must bring its id along: since version 1.
    package var requiresMemberID: Bool

    package init(
        request: RequestID, memberID: MemberID, freshMemberID: MemberID, epoch: GroupEpoch, instanceID: InstanceID?,
        rackID: String?, clientID: String, clientHost: String, rebalanceTimeout: Int64?, topicNames: [String]?,
        topicPattern: String?, assignor: String?, owned: [TopicShare]?, requiresMemberID: Bool
    ) {
        self.request = request
        self.memberID = memberID
        self.freshMemberID = freshMemberID
        self.epoch = epoch
        self.instanceID = instanceID
        self.rackID = rackID
        self.clientID = clientID
        self.clientHost = clientHost
        self.rebalanceTimeout = rebalanceTimeout
        self.topicNames = topicNames
        self.topicPattern = topicPattern
        self.assignor = assignor
        self.owned = owned
        self.requiresMemberID = requiresMemberID
    }
}

extension ConsumerHeartbeat {
    /// What is asked for is told whole: when joining, and after an error.
    var isFull: Bool {
        epoch == .joining
            || rebalanceTimeout != nil && (topicNames != nil || topicPattern != nil) && owned != nil
    }

    /// What a member may say of itself: its record is one of many in a batch.
    static let textBytesMax = 1 << 20

    /// Throws where no group could make sense of it.
    func check() throws(GroupError) {
        guard textBytes <= Self.textBytesMax else {
            throw .invalidRequest("the names of topics have more than 1 MiB: subscribe by a regular expression")
        }
        let needsID = requiresMemberID || (epoch != .joining && epoch != .leavingForNow)
        guard !needsID || !memberID.isNone else { throw .invalidRequest("the member id is missing") }
        if let instanceID, instanceID.value.isEmpty { throw .invalidRequest("the instance id is empty") }
        if let rackID, rackID.isEmpty { throw .invalidRequest("the rack id is empty") }
        if let rebalanceTimeout, rebalanceTimeout < 0 { throw .invalidRequest("the rebalance timeout is negative") }
        if epoch == .joining { try checkJoining() }
        if epoch == .leavingForNow, instanceID == nil { throw .invalidRequest("the instance id is missing") }
        guard epoch >= .leavingForNow else { throw .invalidRequest("there is no member epoch \(epoch)") }
        if let assignor, ServerAssignor(rawValue: assignor) == nil { throw .unsupportedAssignor }
    }

    /// Of what the member will be called.
    var nameBytes: Int {
        let id = memberID.isNone ? freshMemberID : memberID
        return id.value.utf8.count + (instanceID?.value.utf8.count ?? 0) + (rackID?.utf8.count ?? 0)
            + clientID.utf8.count + clientHost.utf8.count
    }

    /// Nil: as before.
    var topicBytes: Int? { topicNames.map { $0.reduce(0) { $0 + $1.utf8.count } } }

    private var textBytes: Int {
        let others = [memberID.value, instanceID?.value, rackID, clientID, clientHost, topicPattern, assignor]
        return others.reduce(0) { $0 + ($1?.utf8.count ?? 0) } + (topicNames ?? []).reduce(0) { $0 + $1.utf8.count + 2 }
    }

    private func checkJoining() throws(GroupError) {
        guard rebalanceTimeout != nil else { throw .invalidRequest("who joins must say its rebalance timeout") }
        guard owned?.isEmpty == true else { throw .invalidRequest("who joins must say that it owns no partitions") }
        guard topicNames != nil || topicPattern != nil else {
            throw .invalidRequest("who joins must say what it subscribes to")
        }
    }
}
