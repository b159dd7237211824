internal import Glibc
package import KafkaProtocol

/// What keeps a load from being run, or ends it. The description is one line for a person: what was wrong, where, and
/// what to do.
package enum LoadError: Error, Equatable, Sendable {
    case unknownHost(String)
    /// Nothing listens there.
    case refusedConnection(LoadAddress)
    /// No answer came in time.
    case silence(LoadAddress)
    /// - Parameter made: how many connections there were before this one.
    case noConnection(LoadAddress, made: Int, reason: String)
    /// - Parameter connections: how many the load has.
    case lost(LoadAddress, connections: Int, reason: String)
    /// The broker offers an API in no version that is spoken here.
    case unsupported(api: String, LoadAddress)
    case invalidAnswer(api: String, reason: String)
    /// The broker's error, to a request of this API about this topic or group.
    case rejected(api: String, of: String, ErrorCode, message: String?)
    /// Each connection is to one broker: so many are needed.
    case tooFewConnections(brokers: Int)
    /// The topic has no records to read.
    case nothingToRead(topic: String)
}

extension LoadError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unknownHost(let host): "the host '\(host)' is not known: check its spelling, or give an IP address"
        case .refusedConnection(let address):
            "connection refused to \(address): is the broker running, and is this its address?"
        case .silence(let address):
            "no answer from \(address): is it a Kafka broker, and does a firewall stand between?"
        case .noConnection(let address, let made, let reason):
            "no connection to \(address) after \(made) others: \(reason)\(Self.limits(made))"
        case .lost(let address, let connections, let reason):
            "the connection to \(address) was lost: \(reason)\(Self.limits(connections))"
        case .unsupported(let api, let address):
            "the broker at \(address) does not offer \(api) in a version that is spoken here"
        case .invalidAnswer(let api, let reason):
            "the answer to \(api) is not Kafka's protocol: \(reason): is it a Kafka broker?"
        case .rejected(let api, let of, let code, let message):
            "\(api) of \(of) was refused: \(message ?? code.message) (\(code.name))\(Self.advice(code))"
        case .tooFewConnections(let brokers):
            "the topic's partitions are on \(brokers) brokers, and each connection is to one: give "
                + "\(brokers) connections or consumers, or more"
        case .nothingToRead(let topic): "topic \(topic) has no records to read: write some first, or leave --topic out"
        }
    }

    /// What many connections run into first.
    private static func limits(_ connections: Int) -> String {
        guard connections >= 100 else { return "" }
        return
            ": raise the broker's max.connections and max.connections.per.ip, and 'ulimit -n' on both sides, "
            + "or open fewer"
    }

    private static func advice(_ code: ErrorCode) -> String {
        switch code {
        case .messageTooLarge, .recordListTooLarge:
            ": lower --batch-size or --record-size, or raise the topic's max.message.bytes"
        case .unknownTopicOrPartition: ": create the topic, check its spelling, or leave --topic out"
        case .notLeaderOrFollower, .leaderNotAvailable: ": the partition's leader moved: run it again"
        case .offsetOutOfRange: ": records were deleted meanwhile: give the topic a longer retention"
        default: ""
        }
    }

    static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}
