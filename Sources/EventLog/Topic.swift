internal import Synchronization

/// A topic: a name, an id for life, settings, and its partitions.
public final class Topic: Sendable {
    public let name: String
    public let id: TopicID
    private let state: Mutex<State>
    weak let log: EventLog?

    private struct State {
        var partitions: [Partition]
        var settings: TopicSettings
        /// Where records without a key go now.
        var sticky = 0
    }

    init(_ entry: TopicCatalogue.Entry, partitions: [Partition], log: EventLog) {
        name = entry.name
        id = entry.id
        self.log = log
        state = Mutex(State(partitions: partitions, settings: entry.settings))
    }

    /// Numbered from 0, in order. Partitions are only ever added.
    public var partitions: [Partition] { state.withLock { $0.partitions } }

    /// nil: there is no such partition.
    package func partition(_ index: Int) -> Partition? {
        state.withLock { $0.partitions.indices.contains(index) ? $0.partitions[index] : nil }
    }

    public var settings: TopicSettings { state.withLock { $0.settings } }

    /// Adds partitions until there are `count`. Keys may go to other partitions from then on.
    ///
    /// Throws `invalidPartitionCount` unless `count` is more than there are. Durable when it returns.
    public func addPartitions(to count: Int) throws(LogError) {
        guard let log else { throw .closed }
        try log.addPartitions(to: self, count: count)
    }

    /// Whether `addPartitions` could be; throws why not.
    package func checkPartitions(to count: Int) throws(LogError) {
        let have = partitions.count
        guard name != ConsumerOffsets.topicName else {
            throw .invalidPartitionCount(
                count, reason: "where a consumer group's offsets are depends on the \(have) that '\(name)' has")
        }
        guard count > have, count <= EventLog.partitionsMax else {
            throw .invalidPartitionCount(
                count,
                reason: "topic '\(name)' has \(have), and partitions can only be added, up to "
                    + "\(EventLog.partitionsMax): give how many there are to be in all")
        }
    }

    /// Takes over new settings for all partitions. Durable when it returns.
    public func alter(_ settings: TopicSettings) throws(LogError) {
        guard let log else { throw .closed }
        try log.alter(self, settings)
    }

    func add(_ partitions: [Partition]) { state.withLock { $0.partitions += partitions } }

    func take(_ settings: TopicSettings) { state.withLock { $0.settings = settings } }

    /// The partition of a key; without one, the same until `moveOn`.
    func partition(forKey key: [UInt8]?) -> Partition {
        let partitions = partitions
        return partitions[index(forKey: key, of: partitions.count)]
    }

    func index(forKey key: [UInt8]?, of count: Int) -> Int {
        guard let key else { return state.withLock { $0.sticky % count } }
        return key.withUnsafeBytes { DefaultPartitioner.partition(forKey: $0.bytes, of: count) }
    }

    /// Records without a key go to the next partition from now on: a batch to each in turn.
    func moveOn() { state.withLock { $0.sticky = ($0.sticky + 1) % $0.partitions.count } }
}
