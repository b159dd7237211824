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
    /// Where only static members are left that have not rejoined: how long one of them is waited for at least, before those
    /// that have come go on without the others. Clients say how long, and may say 0: then the timer would do nothing else.
    package var absentDelayMin: Int64 = 1000
    /// Protocols that a member may offer. Clients have a handful.
    package var protocolsMax = 100
    /// What all members together may say in their protocols, in bytes: the leader is told all of it in one answer.
    package var metadataBytesMax = 64 << 20
    /// How long commits without a generation are refused at most after a fence: there are clients that may take 24 days
    /// between two polls, and would keep operators from committing for as long.
    package var evictedTimeoutMax: Int64 = 600_000
    /// Whether two metadata of a protocol type ask for the same. A static member that returns asking for the same causes
    /// no rebalance. Metadata of consumers also say what the member owned, which is other after a start.
    package var isSameSubscription: @Sendable (_ protocolType: String, _ old: [UInt8], _ new: [UInt8]) -> Bool = {
        _, old, new in old == new
    }

    package init() {}
}
