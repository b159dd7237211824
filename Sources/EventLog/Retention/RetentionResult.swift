/// What a pass over the log has deleted.
public struct RetentionResult: Sendable, Equatable {
    public internal(set) var partitions = 0
    public internal(set) var segments = 0
    /// With indexes.
    public internal(set) var bytes = 0
    /// How many partitions could not be looked at, or not be deleted from; the log says why.
    public internal(set) var failures = 0
    /// False: the directory is larger than `retention.total.bytes`, and there is nothing left that may go.
    public internal(set) var isWithinBudget = true
    /// The log was closed meanwhile.
    public internal(set) var wasStopped = false
}
