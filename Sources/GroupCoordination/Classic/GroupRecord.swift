/// What is stored of a group: enough that its members go on after a restart as if nothing had been.
package struct GroupRecord: Hashable, Sendable {
    package var protocolType: String?
    package var generation: Generation
    package var protocolName: String?
    package var leader: MemberID?
    package var members: [Member]

    package init(
        protocolType: String?, generation: Generation, protocolName: String?, leader: MemberID?, members: [Member]
    ) {
        self.protocolType = protocolType
        self.generation = generation
        self.protocolName = protocolName
        self.leader = leader
        self.members = members
    }

    /// A member with its metadata of the chosen protocol. Times are in milliseconds.
    package struct Member: Hashable, Sendable {
        package var id: MemberID
        package var instanceID: InstanceID?
        package var clientID: String
        package var clientHost: String
        package var sessionTimeout: Int64
        package var rebalanceTimeout: Int64
        package var metadata: [UInt8]
        package var assignment: [UInt8]

        package init(
            id: MemberID, instanceID: InstanceID?, clientID: String, clientHost: String, sessionTimeout: Int64,
            rebalanceTimeout: Int64, metadata: [UInt8], assignment: [UInt8]
        ) {
            self.id = id
            self.instanceID = instanceID
            self.clientID = clientID
            self.clientHost = clientHost
            self.sessionTimeout = sessionTimeout
            self.rebalanceTimeout = rebalanceTimeout
            self.metadata = metadata
            self.assignment = assignment
        }
    }
}
