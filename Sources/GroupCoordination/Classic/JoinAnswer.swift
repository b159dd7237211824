/// What a member learns that has joined.
package struct JoinAnswer: Hashable, Sendable {
    package let memberID: MemberID
    package let generation: Generation
    package let protocolType: String
    package let protocolName: String
    package let leader: MemberID
    /// The leader has come back to an assignment that stands.
    package let skipsAssignment: Bool
    /// Whom to assign partitions to. Only the leader is told.
    package let members: [Member]

    /// A member as its leader sees it.
    package struct Member: Hashable, Sendable {
        package let id: MemberID
        package let instanceID: InstanceID?
        package let metadata: [UInt8]
    }
}
