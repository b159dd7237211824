/// What a group has done by others, in this order.
package enum GroupAction: Hashable, Sendable {
    case answerJoin(RequestID, JoinAnswer)
    /// With the member id that the answer carries.
    case refuseJoin(RequestID, GroupError, MemberID)
    case answerSync(RequestID, SyncAnswer)
    case refuseSync(RequestID, GroupError)
    /// `wake` is to be called then. A group has one timer: this one is instead of that before.
    case setTimer(Instant)
    case cancelTimer
    /// The record is to be stored after those before it, then `stored` to be called.
    case store(StoreID, GroupRecord)
    /// For the log: the group has given up this member.
    case expired(MemberID, GroupExpiry)
}
