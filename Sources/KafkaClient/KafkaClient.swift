internal import NIOCore
internal import NIOPosix

/// A client of a Kafka cluster: one broker of Martlet's, or any that speaks Kafka's protocol.
///
///     let client = try await KafkaClient.connect(to: "localhost:9092")
///     let producer = client.makeProducer()
///     try await producer.send(Record(key: "thermometer-7", value: "21.5"), to: "readings")
///     for try await batch in try await client.makeConsumer(topic: "readings", until: .end) {
///         for record in try batch.records() { print(record.valueText ?? "") }
///     }
///
/// Producers and consumers have connections of their own; close each when it is done with.
///
/// Calls that wait end with `cancelled` as soon as their task is cancelled, and with `closed` when what they belong to is
/// closed; either leaves the client, its producers and its consumers as they were. What a call had asked of a broker by
/// then may be done all the same.
///
/// A broker's wish for a pause (its `throttle_time_ms`) is heeded: nothing more is sent over the connection until it is
/// over.
public final class KafkaClient: Sendable {
    /// Creates, describes, changes and deletes topics.
    public let admin: Admin
    private let bootstrap: [BrokerAddress]
    private let options: KafkaClientOptions
    private let cluster: Cluster

    private init(_ bootstrap: [BrokerAddress], _ options: KafkaClientOptions) {
        self.bootstrap = bootstrap
        self.options = options
        cluster = Self.makeCluster(bootstrap, options)
        admin = Admin(cluster)
    }

    /// Connects to the first broker of a list that answers, and learns the others from it.
    /// - Parameter bootstrap: `HOST:PORT`, several with commas between them. The port is 9092 where there is none;
    ///   IPv6 addresses stand in brackets.
    /// - Throws: `invalidAddress`, or why the first of them could not be reached.
    public static func connect(
        to bootstrap: String, options: KafkaClientOptions = KafkaClientOptions()
    ) async throws(KafkaClientError) -> KafkaClient {
        let client = KafkaClient(try BrokerAddress.list(parsing: bootstrap), options)
        do {
            _ = try await client.cluster.metadata(of: [], createMissing: false)
        } catch {
            await client.close()
            throw error
        }
        return client
    }

    /// A producer with connections of its own, which are opened when they are needed.
    public func makeProducer(options: ProducerOptions = ProducerOptions()) -> Producer {
        Producer(makeCluster(), options)
    }

    /// A consumer of a topic's partitions, with connections of its own.
    /// - Parameters:
    ///   - partitions: nil for all. Where there is no stop, that goes for those that are added later, too, from their
    ///     start: within `KafkaClientOptions.metadataAgeMax`.
    ///   - start: where each partition is read from.
    ///   - stop: where it ends; when all are there, the consumer does.
    /// - Throws: `unknownTopic`, `unknownPartition`, or what keeps the brokers from answering.
    public func makeConsumer(
        topic: String, partitions: [Int]? = nil, from start: StartPosition = .earliest,
        until stop: StopPosition = .never, options: ConsumerOptions = ConsumerOptions()
    ) async throws(KafkaClientError) -> Consumer {
        let count = try await cluster.retrying { () async throws(KafkaClientError) in
            try await cluster.route(of: topic, createMissing: false, isFresh: true).leaders.count
        }
        let assignments = (partitions ?? Array(0..<count)).map {
            PartitionAssignment(topic: topic, partition: $0, start: start, stop: stop)
        }
        let isWhole = partitions == nil && stop == .never
        return try await Consumer.make(makeCluster(), assignments, wholeTopics: isWhole ? [topic] : [], options)
    }

    /// A consumer of partitions of any topics, each from and until a place of its own.
    public func makeConsumer(
        of assignments: [PartitionAssignment], options: ConsumerOptions = ConsumerOptions()
    ) async throws(KafkaClientError) -> Consumer {
        try await Consumer.make(makeCluster(), assignments, options)
    }

    /// A member of a consumer group, which reads its share of topics' partitions, with connections of its own. It joins at
    /// once, in the background: what is wrong with that, `next` throws.
    /// - Parameter onRebalance: told of partitions that come and go, and waited for.
    /// - Throws: `invalidArgument`.
    public func makeGroupConsumer(
        group: String, topics: [String], options: GroupConsumerOptions = GroupConsumerOptions(),
        onRebalance: (@Sendable (GroupConsumer, RebalanceEvent) async -> Void)? = nil
    ) throws(KafkaClientError) -> GroupConsumer {
        try options.check(group: group, topics: topics)
        let requests = GroupRequests(group: group, topics: Array(Set(topics)), options: options)
        // On one event loop, so that nothing hops between threads.
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let clusters = (0..<3).map { _ in Cluster(bootstrap, on: loop, self.options) }
        let buffer = FetchBuffer([], byteCountMax: options.fetch.bufferBytesMax, isOpenEnded: true)
        var fetching = options.fetch
        fetching.outOfRange = options.offsetReset.outOfRange
        let fetcher = Fetcher(clusters[0], buffer, fetching, wholeTopics: [])
        let session = GroupSession(
            requests, buffer, fetcher, members: clusters[1], offsets: clusters[2], listener: onRebalance)
        let consumer = GroupConsumer(group: group, buffer, fetcher, session)
        Task { await session.start(consumer) }
        return consumer
    }

    /// Closes the client's own connections; calls of the admin that wait end with `closed`. Its producers and consumers
    /// are closed by themselves.
    public func close() async { await cluster.close() }

    private func makeCluster() -> Cluster { Self.makeCluster(bootstrap, options) }

    private static func makeCluster(_ bootstrap: [BrokerAddress], _ options: KafkaClientOptions) -> Cluster {
        Cluster(bootstrap, on: MultiThreadedEventLoopGroup.singleton.next(), options)
    }
}
