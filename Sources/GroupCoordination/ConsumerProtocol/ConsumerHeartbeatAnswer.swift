/// What a member learns by its heartbeat.
package struct ConsumerHeartbeatAnswer: Hashable, Sendable {
    package let memberID: MemberID
    package let epoch: GroupEpoch
    /// When to come again, in milliseconds.
    package let heartbeatInterval: Int64
    /// What it is to own; nil: as it was told before.
    package let assignment: [TopicShare]?
}
