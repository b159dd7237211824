/// What one client can cost the others. Every queue has a bound; past it the connection is not read.
package struct Limits: Sendable {
    /// The largest request, in bytes. A longer one closes the connection.
    package var requestBytes = 32 << 20
    /// Requests of one connection that wait for their answers.
    package var pendingRequests = 256
    /// Bytes of the requests of one connection that wait for their answers, and of answers that wait for those before
    /// them: a few requests more than this are taken.
    package var pendingBytes = 32 << 20
    /// Connections; the next one is closed at once.
    package var connections = 10_000
    /// How long a connection may say nothing while no answer is due, in milliseconds. Kafka's `connections.max.idle.ms`.
    package var idleMilliseconds = 600_000
    /// Topics that one Metadata request creates because they are missing; a client asks again for more.
    package var autoCreatedTopics = 100
    /// Partitions on one page of DescribeTopicPartitions. Kafka's `max.request.partition.size.limit`.
    package var describedPartitions = 2000
    /// Producers in one DescribeProducers response.
    package var describedProducers = 500_000
    /// Segments in one DescribeSegments response.
    package var describedSegments = 500_000
    /// The most bytes of records in one Fetch response, whatever the client asks for.
    package var fetchBytes = 64 << 20
    /// The longest that a Fetch may wait, in milliseconds.
    package var fetchWaitMilliseconds = 300_000
    /// Fetch sessions that are kept for clients. Kafka's `max.incremental.fetch.session.cache.slots`.
    package var fetchSessions = 1000
    /// Partitions of one fetch session.
    package var fetchSessionPartitions = 50_000
    /// Partitions of all fetch sessions together: some 300 bytes each.
    package var fetchSessionsPartitions = 250_000
    /// How long a fetch session need not make room for another, in milliseconds: since it was used, or where the other
    /// is larger since it was made.
    package var fetchSessionMilliseconds = 120_000
    /// What an lz4 batch may take when decompressed, in bytes.
    package var decompressedBytes = 64 << 20
    /// How long a stop waits for answers that are under way, in milliseconds.
    package var drainMilliseconds = 3_000
    /// What the kernel is asked for at once, in bytes.
    package var receiveBytes = 256 << 10

    package init() {}
}
