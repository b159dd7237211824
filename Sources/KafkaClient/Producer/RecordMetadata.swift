/// Where a record was written.
public struct RecordMetadata: Hashable, Sendable {
    public var topic: String
    public var partition: Int
    /// `nil`: the broker did not say, as with `acks` of `.none`, or for a retry of what it had already.
    public var offset: Offset?
    /// The record's own, or the time of the append where the topic's `message.timestamp.type` says so.
    public var timestamp: Timestamp

    public init(topic: String, partition: Int, offset: Offset?, timestamp: Timestamp) {
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.timestamp = timestamp
    }
}

/// What a producer has done so far.
public struct ProducerStatistics: Hashable, Sendable {
    public var recordsEnqueued = 0
    public var recordsAcknowledged = 0
    public var recordsFailed = 0
    public var batchesAcknowledged = 0
    /// Keys and values that were enqueued.
    public var payloadBytesEnqueued = 0
    /// Batches that were acknowledged, as they went over the wire.
    public var wireBytesAcknowledged = 0
    /// Batches that were sent again.
    public var retries = 0
    /// Records that wait for their acknowledgement, before compression.
    public var bufferedBytes = 0

    public init() {}
}
