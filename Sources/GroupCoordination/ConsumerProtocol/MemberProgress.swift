/// Where a member is on its way to its target. The numbers are those that Kafka stores.
package enum MemberProgress: Int8, Sendable {
    /// It has what the target of its epoch says.
    case stable = 0
    /// It has been told to give up partitions, and has not said that it did. Till then it gets no others.
    case unrevoked = 1
    /// Partitions of its target are still owned by others.
    case unreleased = 2
}
