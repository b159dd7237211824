/// Where a consumer ends in a partition.
public enum StopPosition: Hashable, Sendable {
    /// It waits for more.
    case never
    /// After the last record that is there when the consumer is made.
    case end
    /// Before this one; like `end`, where it is not there yet.
    case offset(Offset)
    /// Before the first record that is as new as this; like `end`, where none is.
    case timestamp(Timestamp)
}

/// A partition to read, from where and until where.
public struct PartitionAssignment: Hashable, Sendable {
    public var topic: String
    public var partition: Int
    public var start: StartPosition
    public var stop: StopPosition

    public init(topic: String, partition: Int, start: StartPosition = .earliest, stop: StopPosition = .never) {
        self.topic = topic
        self.partition = partition
        self.start = start
        self.stop = stop
    }
}

/// What a consumer does where a partition no longer holds the offset that it would read next, or does not hold it yet.
/// (`latest` may lose records: those between.)
public enum OutOfRangePolicy: Hashable, Sendable {
    /// Throws `offsetOutOfRange`.
    case fail
    /// Goes on with the first record there is.
    case earliest
    /// Goes on with the next record that is written.
    case latest
}

/// How a consumer fetches.
public struct ConsumerOptions: Sendable {
    /// How long a broker may wait for `minBytes` before it answers with less.
    public var maxWait: Duration = .milliseconds(500)
    public var minBytes = 1
    /// About the most bytes in one answer; a single batch may be larger. Less where `bufferBytesMax` leaves less.
    public var maxBytes = 16 << 20
    /// About the most bytes of one partition in an answer; a single batch may be larger.
    public var partitionMaxBytes = 4 << 20
    /// The most bytes that wait to be taken by `next` or are on their way, but for a single batch that is larger than its
    /// share: one half is for what waits, the other for the answers, with an equal share for each leader.
    public var bufferBytesMax = 32 << 20
    /// Also for records that were read and are gone, because a leader without them took over: `.fail` throws
    /// `logTruncated`; the others go on with what the partition has in their place.
    public var outOfRange = OutOfRangePolicy.fail
    /// Checks each batch's checksum before its records are read.
    public var verifiesChecksums = true
    /// The most bytes that a batch may have when it is decompressed.
    public var decompressedBytesMax = DecompressionBuffer.defaultLimit
    /// The pause before a retry; it doubles up to a second, give or take a fifth by chance.
    public var retryBackoff: Duration = .milliseconds(100)
    /// How long a partition may have no leader that answers before `next` throws the error.
    public var retryTimeout: Duration = .seconds(60)

    public init() {}
}
