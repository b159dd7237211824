/// A group as ConsumerGroupDescribe shows it.
package struct ConsumerGroupDescription: Hashable, Sendable {
    package let phase: ConsumerGroupPhase
    package let epoch: GroupEpoch
    package let targetEpoch: GroupEpoch
    package let assignor: ServerAssignor
    package let members: [Member]

    /// A member as an operator sees it.
    package struct Member: Hashable, Sendable {
        package let id: MemberID
        package let epoch: GroupEpoch
        package let instanceID: InstanceID?
        package let rackID: String?
        package let clientID: String
        package let clientHost: String
        package let topicNames: [String]
        package let topicPattern: String?
        package let assigned: [TopicShare]
        package let target: [TopicShare]
    }
}
