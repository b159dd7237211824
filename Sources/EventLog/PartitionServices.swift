/// What the partitions of a log share.
struct PartitionServices {
    let committer: Committer
    let builders = BuilderPool()
    let environment: Environment
    let leaderEpoch: Int32
    /// Weak: it knows the partitions.
    weak let checkpointer: Checkpointer?
}
