public import Logging

/// What is the same for everything that one client does.
public struct KafkaClientOptions: Sendable {
    /// The name that brokers' logs have for this client.
    public var clientID = "martlet"
    /// How long a connection may take to come about.
    public var connectTimeout: Duration = .seconds(5)
    /// How long a broker may take to answer. A fetch has its own waiting time on top. It is also how long the admin's calls
    /// are tried again where brokers have no leader or controller, and the longest time that a broker's throttling holds
    /// requests back.
    public var requestTimeout: Duration = .seconds(30)
    /// What is known of a topic is asked for again after this time, though nothing failed: so producers find partitions
    /// that were added, and consumers of whole topics do.
    public var metadataAgeMax: Duration = .seconds(300)
    /// The longest answer that is taken, in bytes.
    public var responseBytesMax = 256 << 20
    /// Told about connections that come and go, and about retries. `nil`: nobody is.
    public var logger: Logger?

    public init() {}
}
