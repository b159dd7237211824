internal import KafkaProtocol

/// What can go wrong between this client and a broker. The description is one line for a person: what was wrong, where,
/// and what to do.
public enum KafkaClientError: Error, Equatable, Sendable {
    /// A broker's address that is none.
    case invalidAddress(String)
    case unknownHost(String)
    /// Nothing listens there.
    case connectionRefused(BrokerAddress)
    case connectionTimedOut(BrokerAddress, after: Duration)
    case connectionFailed(BrokerAddress, reason: String)
    /// The connection broke with a request under way, which may have been carried out.
    case connectionLost(BrokerAddress, reason: String)
    /// The broker does not offer an API, or only in versions that this client does not speak.
    case unsupportedByBroker(api: String, BrokerAddress)
    /// No answer came in time; the request may have been carried out.
    case requestTimedOut(api: String, BrokerAddress)
    /// What came is no answer in Kafka's protocol.
    case invalidResponse(String)

    case unknownTopic(String)
    case unknownPartition(topic: String, partition: Int, count: Int)
    case topicExists(String)
    /// The broker's reason says what a name may be.
    case invalidTopic(String, reason: String)

    case unknownGroup(String)
    /// What was asked for is for a group without members.
    case nonEmptyGroup(String)
    /// Offsets of topics that a group's members read are not deleted.
    case subscribedGroup(String)

    /// No assignor is known to all members of a group.
    case inconsistentAssignors(group: String)
    /// Another consumer goes by the name of a static member.
    case fencedInstance(group: String, instanceID: String)
    /// Nothing is committed of a partition, and `offsetReset` does not say where to begin.
    case noCommittedOffset(group: String, topic: String, partition: Int)
    /// The group has gone on without the consumer, so that it may not commit.
    case commitRefused(group: String)

    /// A record of more bytes than `limit`, the producer's `requestBytesMax`.
    case recordTooLarge(bytes: Int, limit: Int)
    /// The broker refuses a batch for its size.
    case batchTooLarge(topic: String, partition: Int, bytes: Int)
    /// Records were not acknowledged within the producer's `deliveryTimeout`; they may have been written.
    case deliveryTimedOut(topic: String, partition: Int, records: Int, cause: String)

    /// The offset is before the start or past the end of what the partition holds.
    case offsetOutOfRange(topic: String, partition: Int, offset: Offset)
    /// Records that had been read are gone, as after the leader of a partition was lost before others had what it had:
    /// `read` is how far it had been read, `kept` where the partition has other records or none.
    case logTruncated(topic: String, partition: Int, read: Offset, kept: Offset)
    /// The broker says that what it has stored at an offset is damaged.
    case damagedPartition(topic: String, partition: Int, offset: Offset)
    /// A batch that was fetched cannot be read.
    case unreadableBatch(topic: String, partition: Int, offset: Offset, BatchError)

    /// Any other error of the broker: Kafka's number and name of it, and what the broker says.
    case rejected(code: Int, name: String, message: String)
    /// An argument that cannot be.
    case invalidArgument(String)
    /// The client, producer or consumer has been closed.
    case closed
    /// The task was cancelled.
    case cancelled
}

extension KafkaClientError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .invalidAddress(let text):
            "'\(text)' is no address of a broker: give HOST:PORT, with a port from 1 to 65535"
        case .unknownHost(let host):
            "the host '\(host)' is not known: check its spelling, or give an IP address"
        case .connectionRefused(let address):
            "connection refused to \(address): is the broker running, and is this its address?"
        case .connectionTimedOut(let address, let duration):
            "no connection to \(address) within \(duration): is the address right, and does a firewall stand between?"
        case .connectionFailed(let address, let reason):
            "no connection to \(address): \(reason)"
        case .connectionLost(let address, let reason):
            "the connection to \(address) was lost: \(reason)"
        case .unsupportedByBroker(let api, let address):
            "the broker at \(address) does not offer \(api) in a version that this client speaks"
        case .requestTimedOut(let api, let address):
            "the broker at \(address) did not answer \(api) in time: is it overloaded?"
        case .invalidResponse(let reason):
            "an answer that is not Kafka's protocol: \(reason): is it a Kafka broker?"
        case .unknownTopic(let topic):
            "there is no topic '\(topic)': create it, or check its spelling"
        case .unknownPartition(let topic, let partition, let count):
            "topic '\(topic)' has no partition \(partition): they go from 0 to \(count - 1)"
        case .topicExists(let topic):
            "topic '\(topic)' exists already"
        case .invalidTopic(let topic, let reason):
            "topic '\(topic)' is refused: \(reason)"
        case .unknownGroup(let group):
            "there is no group '\(group)': check its spelling, or list the groups there are"
        case .nonEmptyGroup(let group):
            "group '\(group)' has members: stop its consumers first"
        case .subscribedGroup(let group):
            "group '\(group)' has members that read the topic: stop its consumers first"
        case .inconsistentAssignors(let group):
            "group '\(group)' has members that know none of this consumer's assignors: name one of theirs"
        case .fencedInstance(let group, let instanceID):
            "another consumer of group '\(group)' goes by the name of '\(instanceID)': give each one of its own"
        case .noCommittedOffset(let group, let topic, let partition):
            "group '\(group)' has committed nothing of \(topic)-\(partition): seek, or say where to begin by offsetReset "
                + "(--offset-reset)"
        case .commitRefused(let group):
            "group '\(group)' has gone on without this consumer, and its offsets were not committed: what they would have "
                + "covered is read again"
        case .recordTooLarge(let bytes, let limit):
            "a record of \(bytes) bytes is over the limit of \(limit): raise requestBytesMax (--record-bytes-max), "
                + "and the topic's max.message.bytes with it"
        case .batchTooLarge(let topic, let partition, let bytes):
            "\(topic)-\(partition) refuses a batch of \(bytes) bytes: raise the topic's max.message.bytes, or lower "
                + "batchBytesMax"
        case .deliveryTimedOut(let topic, let partition, let records, let cause):
            "\(records) records for \(topic)-\(partition) were not acknowledged in time: \(cause)"
        case .offsetOutOfRange(let topic, let partition, let offset):
            "\(topic)-\(partition) does not hold offset \(offset): start from earliest, latest, or an offset between"
        case .logTruncated(let topic, let partition, let read, let kept):
            "\(topic)-\(partition) has lost records from offset \(kept) on, after it had been read up to \(read): undo "
                + "what came of them, and seek to \(kept)"
        case .damagedPartition(let topic, let partition, let offset):
            "the broker's data of \(topic)-\(partition) are damaged at offset \(offset): check its disk (martlet "
                + "verify), or read on behind the damage"
        case .unreadableBatch(let topic, let partition, let offset, let error):
            "the batch of \(topic)-\(partition) at offset \(offset) cannot be read: \(error)"
        case .rejected(let code, let name, let message):
            "the broker says: \(message) (\(name), \(code))"
        case .invalidArgument(let reason): reason
        case .closed: "it has been closed"
        case .cancelled: "cancelled"
        }
    }
}

extension KafkaClientError {
    /// An answer's error code; `message`: what the broker says about it, if anything.
    init(_ code: ErrorCode, topic: String, message: String? = nil) {
        let message = message.flatMap { $0.isEmpty ? nil : $0 } ?? code.message
        switch code {
        case .unknownTopicOrPartition, .unknownTopicID: self = .unknownTopic(topic)
        case .topicAlreadyExists: self = .topicExists(topic)
        case .invalidTopicException: self = .invalidTopic(topic, reason: message)
        default: self.init(code, message: message)
        }
    }

    /// A code that is about no topic; `message`: what the broker says about it, if anything.
    init(_ code: ErrorCode, message: String? = nil) {
        self = .rejected(code: Int(code.rawValue), name: code.name, message: message ?? code.message)
    }

    /// Whether the connection that it came over is of no more use.
    var isOfConnection: Bool {
        switch self {
        case .connectionRefused, .connectionTimedOut, .connectionFailed, .connectionLost, .requestTimedOut,
            .invalidResponse, .unknownHost:
            true
        default: false
        }
    }
}
