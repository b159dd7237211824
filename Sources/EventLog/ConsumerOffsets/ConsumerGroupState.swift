/// What is stored of a group by Kafka's consumer protocol (KIP-848), in a record each.
package struct ConsumerGroupState: Hashable, Sendable {
    package var metadata: ConsumerGroupMetadata?
    package var target: TargetAssignmentMetadata?
    package var members: [String: Member] = [:]
    /// By the expression's text.
    package var regularExpressions: [String: ResolvedRegularExpression] = [:]

    package init() {}

    package var isEmpty: Bool {
        metadata == nil && target == nil && members.isEmpty && regularExpressions.isEmpty
    }

    /// What is stored of one member; each part is a record of its own.
    package struct Member: Hashable, Sendable {
        package var metadata: ConsumerMemberMetadata?
        package var target: [TopicPartitions]?
        package var current: CurrentAssignment?

        package init() {}

        var isEmpty: Bool { metadata == nil && target == nil && current == nil }
    }
}

/// Kafka's ConsumerGroupMetadataValue.
package struct ConsumerGroupMetadata: Hashable, Sendable {
    package var epoch: Int32
    /// Tells whether the topics that the group subscribes to have changed.
    package var metadataHash: Int64

    package init(epoch: Int32, metadataHash: Int64 = 0) {
        self.epoch = epoch
        self.metadataHash = metadataHash
    }
}

/// Kafka's ConsumerGroupTargetAssignmentMetadataValue.
package struct TargetAssignmentMetadata: Hashable, Sendable {
    package var epoch: Int32

    package init(epoch: Int32) { self.epoch = epoch }
}

/// Kafka's ConsumerGroupMemberMetadataValue.
package struct ConsumerMemberMetadata: Hashable, Sendable {
    package var instanceID: String?
    package var rackID: String?
    package var clientID: String
    package var clientHost: String
    package var topicNames: [String]
    package var topicRegex: String?
    /// In milliseconds.
    package var rebalanceTimeout: Int32
    package var serverAssignor: String?
    /// Of a member that speaks the classic protocol: the protocols that it offers.
    package var classicProtocols: [ClassicProtocol]?

    package struct ClassicProtocol: Hashable, Sendable {
        package var name: String
        package var metadata: [UInt8]

        package init(name: String, metadata: [UInt8]) {
            self.name = name
            self.metadata = metadata
        }
    }

    package init(
        instanceID: String?, rackID: String?, clientID: String, clientHost: String, topicNames: [String],
        topicRegex: String?, rebalanceTimeout: Int32, serverAssignor: String?,
        classicProtocols: [ClassicProtocol]? = nil
    ) {
        self.instanceID = instanceID
        self.rackID = rackID
        self.clientID = clientID
        self.clientHost = clientHost
        self.topicNames = topicNames
        self.topicRegex = topicRegex
        self.rebalanceTimeout = rebalanceTimeout
        self.serverAssignor = serverAssignor
        self.classicProtocols = classicProtocols
    }
}

/// Partitions of one topic.
package struct TopicPartitions: Hashable, Sendable {
    package var topicID: TopicID
    package var partitions: [Int32]

    package init(topicID: TopicID, partitions: [Int32]) {
        self.topicID = topicID
        self.partitions = partitions
    }
}

/// Kafka's ConsumerGroupCurrentMemberAssignmentValue.
package struct CurrentAssignment: Hashable, Sendable {
    package var memberEpoch: Int32
    package var previousMemberEpoch: Int32
    /// Kafka's number of the member's state: 0 stable, 1 unrevoked partitions, 2 unreleased partitions, 127 unknown.
    package var state: Int8
    package var assigned: [TopicPartitions]
    package var pendingRevocation: [TopicPartitions]

    package init(
        memberEpoch: Int32, previousMemberEpoch: Int32, state: Int8, assigned: [TopicPartitions],
        pendingRevocation: [TopicPartitions]
    ) {
        self.memberEpoch = memberEpoch
        self.previousMemberEpoch = previousMemberEpoch
        self.state = state
        self.assigned = assigned
        self.pendingRevocation = pendingRevocation
    }
}

/// Kafka's ConsumerGroupRegularExpressionValue: the topics that an expression matched.
package struct ResolvedRegularExpression: Hashable, Sendable {
    package var topics: [String]
    /// Of the cluster's metadata that it was resolved against.
    package var version: Int64
    package var timestamp: Timestamp

    package init(topics: [String], version: Int64, timestamp: Timestamp) {
        self.topics = topics
        self.version = version
        self.timestamp = timestamp
    }
}
