/// When a broker answers a producer.
public enum Acknowledgement: Sendable, Hashable {
    /// When the record is safe: on stable storage, for Martlet; on all replicas in sync, for a cluster.
    case all
    /// When the leader has written it. A crash may cost it.
    case leader
    /// Never. What is lost on the way is not noticed.
    case none

    var wireValue: Int16 {
        switch self {
        case .all: -1
        case .leader: 1
        case .none: 0
        }
    }
}

/// How a producer gathers, sends and repeats.
public struct ProducerOptions: Sendable {
    public var acks = Acknowledgement.all
    /// `.lz4` or `.none`; other codecs are not written here.
    public var compression = Compression.lz4
    /// How long a record waits for others to travel with.
    public var linger: Duration = .milliseconds(5)
    /// A batch is sent when it has so many bytes, before compression. Where a topic's `max.message.bytes` is less, so should
    /// this be: a batch that a broker refuses as too large fails with all its records.
    public var batchBytesMax = 256 << 10
    /// The most bytes of one record, and of the batches in one request.
    public var requestBytesMax = 1 << 20
    /// The most bytes of records, before compression, that wait for their acknowledgement. Past it `send` and `enqueue`
    /// wait for room. What is on its way to a broker is held a second time, as it was sent.
    public var bufferBytesMax = 32 << 20
    /// Requests to one broker that have not been answered. 1 to 5: brokers remember the last five batches of an
    /// idempotent producer.
    public var requestsInFlightMax = 5
    /// How long a record may take until it is acknowledged, retries included. A try that is under way by then is waited for,
    /// up to `KafkaClientOptions.requestTimeout` longer.
    public var deliveryTimeout: Duration = .seconds(120)
    /// The pause before a retry; it doubles up to a second, give or take a fifth by chance.
    public var retryBackoff: Duration = .milliseconds(100)
    /// Retries write no record twice and change no order. Needs `acks` of `.all`, and does nothing without. Where a broker
    /// has forgotten the producer, its records go on under a new producer id.
    public var isIdempotent = true
    /// A topic that is missing is created with the broker's defaults, where the broker does that.
    public var createsTopics = true

    public init() {}
}
