/// A group as DescribeGroups shows it. Metadata, assignments and the protocol are there while it is stable.
package struct GroupDescription: Hashable, Sendable {
    package let state: GroupState
    package let protocolType: String
    package let protocolName: String
    package let members: [Member]

    /// A member as an operator sees it.
    package struct Member: Hashable, Sendable {
        package let id: MemberID
        package let instanceID: InstanceID?
        package let clientID: String
        package let clientHost: String
        package let metadata: [UInt8]
        package let assignment: [UInt8]
    }
}
