/// A topic in a list.
public struct TopicSummary: Hashable, Sendable {
    public var name: String
    /// As Kafka's tools write it: 32 hexadecimal digits with hyphens. `nil`: the broker is too old to have ids.
    public var id: String?
    public var partitionCount: Int
    /// True: it holds the broker's own data.
    public var isInternal: Bool

    package init(name: String, id: String?, partitionCount: Int, isInternal: Bool) {
        self.name = name
        self.id = id
        self.partitionCount = partitionCount
        self.isInternal = isInternal
    }
}

/// All about a topic.
public struct TopicDescription: Hashable, Sendable {
    public var name: String
    public var id: String?
    public var isInternal: Bool
    /// By index.
    public var partitions: [PartitionDescription]
    /// By name.
    public var settings: [Setting]

    package init(name: String, id: String?, isInternal: Bool, partitions: [PartitionDescription], settings: [Setting]) {
        self.name = name
        self.id = id
        self.isInternal = isInternal
        self.partitions = partitions
        self.settings = settings
    }
}

/// A partition as its leader describes it.
public struct PartitionDescription: Hashable, Sendable {
    public var index: Int
    /// A broker's id; `nil`: it has none at the moment.
    public var leader: Int?
    public var replicas: [Int]
    public var inSyncReplicas: [Int]
    /// The offset of the first record.
    public var logStart: Offset
    /// The offset after the last record that consumers see.
    public var end: Offset

    package init(index: Int, leader: Int?, replicas: [Int], inSyncReplicas: [Int], logStart: Offset, end: Offset) {
        self.index = index
        self.leader = leader
        self.replicas = replicas
        self.inSyncReplicas = inSyncReplicas
        self.logStart = logStart
        self.end = end
    }
}

/// Where in a partition to look.
public enum OffsetQuery: Hashable, Sendable {
    /// The first record.
    case earliest
    /// After the last record.
    case latest
    /// The first record that is as new as this.
    case timestamp(Timestamp)
    /// The record with the newest timestamp.
    case maxTimestamp
}

/// An offset that was looked up.
public struct PartitionOffset: Hashable, Sendable {
    public var partition: Int
    /// `nil`: there is no such record.
    public var offset: Offset?
    /// Of the record; `nil` where the answer is an end of the log.
    public var timestamp: Timestamp?
}

/// The brokers that make up a cluster.
public struct ClusterDescription: Hashable, Sendable {
    public var id: String?
    /// The broker that changes topics.
    public var controller: Int?
    /// By id.
    public var brokers: [Node]

    public struct Node: Hashable, Sendable {
        public var id: Int
        public var address: BrokerAddress
        /// Where it stands, if it was told.
        public var rack: String?
    }
}
