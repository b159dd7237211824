/// What one client can cost the others, and all of them the broker. Every queue has a bound; past it the connection is
/// not read. What has a name here can be set, and altered while the broker runs (`BrokerSettings`).
package struct Limits: Sendable {
    // MARK: Connections

    /// `max.connections`: the next one is closed at once.
    package var connections = 10_000
    /// `max.connections.per.ip`: half of them, so that one client cannot take all.
    package var connectionsOfAddress = 5000
    /// `connections.first.request.max.ms`: how long a connection may take until its first request is there.
    package var firstRequestMilliseconds = 30_000
    /// `request.receive.max.ms`: how long a request may take from its first byte to its last.
    package var receiveMilliseconds = 120_000
    /// `connections.max.idle.ms`: how long a connection may say nothing while no answer is due.
    package var idleMilliseconds = 600_000

    // MARK: Requests

    /// `socket.request.max.bytes`: the largest request. A longer one closes the connection.
    package var requestBytes = 32 << 20
    /// `socket.request.small.max.bytes`: the same for APIs whose requests name a few things.
    package var smallRequestBytes = 1 << 20
    /// `connection.requests.max`: requests of one connection that wait for their answers.
    package var pendingRequests = 256
    /// `connection.requests.max.bytes`: bytes of the requests of one connection that wait for their answers, and of
    /// answers that wait for those before them: a few requests more than this are taken.
    package var pendingBytes = 32 << 20
    /// `connection.outbound.max.bytes`: of answers that a client does not take; past it the connection is not read.
    package var outboundBytes = 64 << 10
    /// `memory.max.bytes`: of all connections together, see `MemoryBudget`.
    package var memoryBytes = 256 << 20
    /// `memory.wait.max.ms`: how long a connection may be in the way of others while there is no memory left, in milliseconds: then the one
    /// that holds most is closed.
    package var memoryWaitMilliseconds = 5000

    // MARK: Records

    /// `decompressed.max.bytes`: what an lz4 batch may take when decompressed.
    package var decompressedBytes = 64 << 20
    /// `decompressed.max.ratio`: how many times its size an lz4 batch may take when it is opened, where that is more
    /// than 1 MiB.
    package var decompressedRatio = 200
    /// `record.key.max.bytes`, of batches that are looked into: those that are not compressed, and those that are opened.
    package var keyBytes = 256 << 10
    /// `record.headers.max`: of one record, in the same batches.
    package var recordHeaders = 4096
    /// `record.headers.max.bytes`: what they take in the record, names, values and lengths.
    package var recordHeaderBytes = 256 << 10

    // MARK: What is kept

    /// `topics.max.count`.
    package var topics = 20_000
    /// `partitions.max.count`: of all topics together.
    package var partitions = 100_000
    /// `groups.max.count`: consumer groups that have members, and those that have offsets.
    package var groups = 50_000
    /// `groups.members.max.bytes`: what the members of all groups say of themselves, and are assigned.
    package var groupBytes = 64 << 20
    /// `groups.offsets.max.bytes`: what groups are called and have committed, as it is kept in memory.
    package var offsetBytes = 64 << 20
    /// `auto.create.topics.max`: topics that one Metadata request creates because they are missing; a client asks again for more.
    package var autoCreatedTopics = 100

    // MARK: Answers

    /// `max.request.partition.size.limit`: partitions on one page of DescribeTopicPartitions.
    package var describedPartitions = 2000
    /// `describe.producers.max`: producers in one DescribeProducers response.
    package var describedProducers = 500_000
    /// `describe.segments.max`: segments in one DescribeSegments response.
    package var describedSegments = 500_000
    /// `fetch.max.bytes`: the most bytes of records in one Fetch response, whatever the client asks for.
    package var fetchBytes = 64 << 20
    /// `fetch.wait.max.ms`: the longest that a Fetch may wait, in milliseconds.
    package var fetchWaitMilliseconds = 300_000
    /// `max.incremental.fetch.session.cache.slots`: fetch sessions that are kept for clients.
    package var fetchSessions = 1000
    /// `fetch.session.partitions.max`: partitions of one fetch session.
    package var fetchSessionPartitions = 50_000
    /// `fetch.sessions.partitions.max`: partitions of all fetch sessions together: some 300 bytes each.
    package var fetchSessionsPartitions = 250_000
    /// `fetch.session.keep.min.ms`: how long a fetch session need not make room for another, in milliseconds: since it was used, or where the other
    /// is larger since it was made.
    package var fetchSessionMilliseconds = 120_000
    /// `shutdown.answers.max.ms`: how long a stop waits for answers that are under way, in milliseconds.
    package var drainMilliseconds = 3_000

    package init() {}
}
