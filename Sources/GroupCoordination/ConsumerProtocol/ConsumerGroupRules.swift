/// The limits and times of groups by the consumer protocol. All times are in milliseconds; the defaults are Kafka's
/// where it has any.
package struct ConsumerGroupRules: Sendable {
    /// `group.consumer.session.timeout.ms`.
    package var sessionTimeout: Int64 = 45_000
    /// `group.consumer.heartbeat.interval.ms`.
    package var heartbeatInterval: Int64 = 5000
    /// The same for a member that has not come to its target: it waits for partitions which others are about to give
    /// up, or is to give up some. Kafka has none: there it waits for its next heartbeat.
    package var waitingHeartbeatInterval: Int64 = 500
    /// `group.consumer.max.size`, at least 1. Kafka has no bound here.
    package var membersMax = 10_000
    /// How much longer than a heartbeat interval the members that a fence evicted are waited for, before partitions are
    /// assigned to who has come: they learn of it by a heartbeat each, and partitions should not move twice.
    package var returnDelay: Int64 = 1000
    /// How long commits without an epoch are refused at most after a fence, whatever the members' rebalance timeouts.
    package var evictedTimeoutMax: Int64 = 600_000
    /// `group.consumer.assignors`: who decides where members name none.
    package var defaultAssignor = ServerAssignor.uniform

    package init() {}
}
