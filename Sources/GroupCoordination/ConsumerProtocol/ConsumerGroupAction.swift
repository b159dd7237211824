/// What a group by the consumer protocol has done by others, in this order.
package enum ConsumerGroupAction: Hashable, Sendable {
    case answer(RequestID, ConsumerHeartbeatAnswer)
    case refuse(RequestID, GroupError)
    /// `wake` is to be called then. A group has one timer: this one is instead of that before.
    case setTimer(Instant)
    case cancelTimer
    /// The records are to be stored after those before them, all or none, then `stored` to be called.
    case store(StoreID, [ConsumerGroupRecord])
    /// For the log: the group has given up this member.
    case expired(MemberID, GroupExpiry)
}
