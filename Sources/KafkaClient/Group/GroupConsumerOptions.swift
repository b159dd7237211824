/// Where a group begins in a partition that it has committed nothing of, or no longer finds its offset in.
public enum OffsetReset: String, Sendable {
    /// With the first record there is.
    case earliest
    /// With the next record that is written.
    case latest
    /// Nowhere: `next` throws `noCommittedOffset` or `offsetOutOfRange`, and a `seek` goes on.
    case none
}

/// What a group's consumer may be told of. The call is waited for: what it does is done before the rebalance goes on.
public enum RebalanceEvent: Equatable, Sendable {
    /// These are read from now on, besides those that the consumer has. A `seek` here decides where.
    case assigned([TopicPartition])
    /// These go to others. They are still the consumer's during the call, which may commit, and the application has asked
    /// for more since it took the last batch of them.
    case revoked([TopicPartition])
    /// These are somebody else's already, as after the group has not heard of the consumer for `sessionTimeout`, or an
    /// operator has moved its offsets. What was not committed is not the consumer's to commit any more.
    case lost([TopicPartition])
}

/// How a consumer is a member of its group.
public struct GroupConsumerOptions: Sendable {
    /// In the order of preference. The members of a group need one in common: other clients begin with `range`.
    public var assignors: [GroupAssignor] = [.cooperativeSticky]
    /// The name of a static member. It keeps its partitions over a restart that takes less than `sessionTimeout`, and
    /// does not leave its group when it is closed.
    public var instanceID: String?
    /// Without a heartbeat for this long a member is taken for dead.
    public var sessionTimeout: Duration = .seconds(45)
    /// At most a third of the session timeout.
    public var heartbeatInterval: Duration = .seconds(3)
    /// How long the application may work at a batch, which is how long a rebalance may have to wait for it. A consumer
    /// whose application stays away for longer leaves the group, and joins it anew when `next` is called again. It is
    /// Kafka's `max.poll.interval.ms`.
    public var processingTimeout: Duration = .seconds(300)
    /// How often offsets are committed by themselves: of what the application has gone past, that is, has asked for more
    /// after it. They are committed before partitions go to others and at the end, too. nil: only `commit` commits.
    public var autoCommitInterval: Duration? = .seconds(5)
    public var offsetReset = OffsetReset.earliest
    /// How it fetches. `outOfRange` is that of `offsetReset`.
    public var fetch = ConsumerOptions()

    public init() {}
}

extension OffsetReset {
    var outOfRange: OutOfRangePolicy {
        switch self {
        case .earliest: .earliest
        case .latest: .latest
        case .none: .fail
        }
    }
}

extension GroupConsumerOptions {
    func check(group: String, topics: [String]) throws(KafkaClientError) {
        guard !group.isEmpty else { throw .invalidArgument("a group's name has a character at least") }
        guard !topics.isEmpty else { throw .invalidArgument("a group's consumer needs a topic at least") }
        guard !assignors.isEmpty else { throw .invalidArgument("a group's consumer needs an assignor at least") }
        guard Set(assignors).count == assignors.count else {
            throw .invalidArgument("a group's consumer names each assignor once")
        }
        guard instanceID?.isEmpty != true else {
            throw .invalidArgument("a static member's name has a character at least")
        }
        guard heartbeatInterval > .zero, heartbeatInterval * 3 <= sessionTimeout else {
            throw .invalidArgument(
                "heartbeatInterval (\(heartbeatInterval)) has to be a third of sessionTimeout (\(sessionTimeout)) at most"
            )
        }
        guard processingTimeout > .zero, autoCommitInterval.map({ $0 > .zero }) ?? true else {
            throw .invalidArgument("processingTimeout and autoCommitInterval have to be more than 0")
        }
    }
}
