/// A JoinGroup request. Times are in milliseconds.
package struct JoinRequest: Sendable {
    package var request: RequestID
    package var memberID: MemberID
    /// What a member that has no id yet will be called: never used before.
    package var freshMemberID: MemberID
    package var instanceID: InstanceID?
    package var clientID: String
    package var clientHost: String
    package var sessionTimeout: Int64
    package var rebalanceTimeout: Int64
    package var protocolType: String
    /// The best first.
    package var protocols: [GroupProtocol]
    /// Whether who has no id must come again with one: since version 4.
    package var requiresMemberID: Bool
    /// Whether a leader can be told to leave the assignment as it is: since version 9.
    package var canSkipAssignment: Bool

    package init(
        request: RequestID, memberID: MemberID, freshMemberID: MemberID, instanceID: InstanceID?, clientID: String,
        clientHost: String, sessionTimeout: Int64, rebalanceTimeout: Int64, protocolType: String,
        protocols: [GroupProtocol], requiresMemberID: Bool, canSkipAssignment: Bool
    ) {
        self.request = request
        self.memberID = memberID
        self.freshMemberID = freshMemberID
        self.instanceID = instanceID
        self.clientID = clientID
        self.clientHost = clientHost
        self.sessionTimeout = sessionTimeout
        self.rebalanceTimeout = rebalanceTimeout
        self.protocolType = protocolType
        self.protocols = protocols
        self.requiresMemberID = requiresMemberID
        self.canSkipAssignment = canSkipAssignment
    }
}
