/// What a group is about.
package enum GroupState: Sendable {
    /// It has no members, if perhaps offsets.
    case empty
    /// Joins are parked until everyone has come, or the time is up.
    case preparingRebalance
    /// Everyone knows the generation; the leader's assignment is awaited.
    case completingRebalance
    /// Everyone's assignment is stored.
    case stable
    /// It was deleted, or has gone from this coordinator. There is no way back.
    case dead
}
