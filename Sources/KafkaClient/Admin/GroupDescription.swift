/// A consumer group in a list.
public struct GroupSummary: Hashable, Sendable {
    public var id: String
    /// As the broker writes it: `Empty`, `Stable`, `PreparingRebalance`; empty: the broker is too old to say.
    public var state: String
    /// `classic`, `consumer` (KIP-848); `nil`: the broker is too old to say.
    public var type: String?
    /// What its members speak; `consumer` for consumers, empty where there have been none.
    public var protocolType: String

    package init(id: String, state: String, type: String?, protocolType: String) {
        self.id = id
        self.state = state
        self.type = type
        self.protocolType = protocolType
    }
}

/// A consumer group and its members.
public struct GroupDescription: Hashable, Sendable {
    public var id: String
    public var state: String
    /// `classic` or `consumer`.
    public var type: String
    /// How partitions are shared out; empty while there is nobody.
    public var assignor: String
    /// Counts the changes of a group of type `consumer`; `nil` of another, which keeps its number to itself.
    public var epoch: Int?
    /// The broker that keeps the group; `nil`: none runs.
    public var coordinator: BrokerAddress?
    /// By client id, then by id.
    public var members: [Member]

    package init(
        id: String, state: String, type: String, assignor: String, epoch: Int?, coordinator: BrokerAddress?,
        members: [Member]
    ) {
        self.id = id
        self.state = state
        self.type = type
        self.assignor = assignor
        self.epoch = epoch
        self.coordinator = coordinator
        self.members = members.sorted { ($0.clientID, $0.id) < ($1.clientID, $1.id) }
    }

    /// A consumer in a group.
    public struct Member: Hashable, Sendable {
        public var id: String
        /// Its name of its own, where it is a static member.
        public var instanceID: String?
        public var clientID: String
        /// Where it connected from, as the broker writes it.
        public var host: String
        public var topics: [String]
        /// In order.
        public var assignment: [TopicPartition]
        /// Of a group of type `consumer`: how far the member is with the group's changes.
        public var epoch: Int?

        package init(
            id: String, instanceID: String?, clientID: String, host: String, topics: [String],
            assignment: [TopicPartition], epoch: Int?
        ) {
            self.id = id
            self.instanceID = instanceID
            self.clientID = clientID
            self.host = host
            self.topics = topics
            self.assignment = assignment
            self.epoch = epoch
        }
    }
}

/// What a group has committed of a partition.
public struct GroupOffset: Hashable, Sendable {
    /// Of the record that comes next.
    public var offset: Offset
    /// Of the record before it; `nil`: it was not said.
    public var leaderEpoch: Int?
    /// What the consumer noted down with it.
    public var metadata: String

    public init(offset: Offset, leaderEpoch: Int? = nil, metadata: String = "") {
        self.offset = offset
        self.leaderEpoch = leaderEpoch
        self.metadata = metadata
    }
}

/// What came of `Admin.alterGroupOffsets`.
public struct GroupOffsetsChange: Hashable, Sendable {
    /// Names the change in the group's history; empty where nothing was to be changed.
    public var id: String
    /// Members that were put out of the group, and come back at the new offsets.
    public var fencedMembers: Int
    /// By partition; `nil`: nothing was committed.
    public var before: [TopicPartition: Offset?]

    package init(id: String, fencedMembers: Int, before: [TopicPartition: Offset?]) {
        self.id = id
        self.fencedMembers = fencedMembers
        self.before = before
    }
}

/// What lies at an offset of a partition, and between it and the end.
public struct DescribedPosition: Hashable, Sendable {
    /// The first record there is.
    public var logStart: Offset
    /// After the last record that consumers see.
    public var end: Offset
    /// Of record batches as they are stored, from the one that holds the offset to the end; `nil`: not known.
    public var bytesToEnd: Int?
    /// Of the first record at the offset or after it; `nil`: there is none.
    public var nextTimestamp: Timestamp?

    public init(logStart: Offset, end: Offset, bytesToEnd: Int? = nil, nextTimestamp: Timestamp? = nil) {
        self.logStart = logStart
        self.end = end
        self.bytesToEnd = bytesToEnd
        self.nextTimestamp = nextTimestamp
    }
}
