/// A SyncGroup request. Protocol type and name are nil before version 5.
package struct SyncRequest: Sendable {
    package var request: RequestID
    package var memberID: MemberID
    package var instanceID: InstanceID?
    package var generation: Generation
    package var protocolType: String?
    package var protocolName: String?
    /// Only the leader's counts.
    package var assignments: [MemberID: [UInt8]]

    package init(
        request: RequestID, memberID: MemberID, instanceID: InstanceID?, generation: Generation, protocolType: String?,
        protocolName: String?, assignments: [MemberID: [UInt8]]
    ) {
        self.request = request
        self.memberID = memberID
        self.instanceID = instanceID
        self.generation = generation
        self.protocolType = protocolType
        self.protocolName = protocolName
        self.assignments = assignments
    }
}
