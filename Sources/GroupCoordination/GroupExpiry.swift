/// Why the coordinator gave a member up.
package enum GroupExpiry: Hashable, Sendable {
    /// It was not heard of for its session timeout.
    case session
    /// It did not rejoin within the rebalance timeout.
    case rebalance
    /// It joined, but did not ask for its assignment within the rebalance timeout.
    case sync
    /// It was given a member id, and did not join with it.
    case pendingJoin
}
