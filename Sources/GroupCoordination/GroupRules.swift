/// The limits and times of groups. All times are in milliseconds; the defaults are Kafka's where it has any.
package struct GroupRules: Sendable {
    /// `group.min.session.timeout.ms` to `group.max.session.timeout.ms`.
    package var sessionTimeouts: ClosedRange<Int64> = 6000...1_800_000
    /// `group.initial.rebalance.delay.ms`: how long the first of an empty group waits for others.
    package var initialRebalanceDelay: Int64 = 3000
    /// `group.max.size`, at least 1. Kafka has no bound here.
    package var membersMax = 10_000
    /// How many may have been given a member id without having joined with it.
    package var pendingMembersMax = 1000
    /// How long a member that has never had an answer may wait in a join. By then its client has given up.
    package var newMemberJoinTimeout: Int64 = 300_000
    /// Whether two metadata of a protocol type ask for the same. A static member that returns asking for the same causes
    /// no rebalance. Metadata of consumers also say what the member owned, which is other after a start.
    package var isSameSubscription: @Sendable (_ protocolType: String, _ old: [UInt8], _ new: [UInt8]) -> Bool = {
        _, old, new in old == new
    }

    package init() {}
}
