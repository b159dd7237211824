/// A topic of a producer with its partitions known: the cheapest way to hand in many records, without a look-up,
/// a task or a continuation a record.
public struct ProducerTopic: Sendable {
    private let producer: Producer
    private let buffer: TopicBuffer

    init(_ producer: Producer, _ buffer: TopicBuffer) {
        self.producer = producer
        self.buffer = buffer
    }

    public var name: String { buffer.name }
    /// As far as the producer knows; partitions that are added later are found by and by, while records are produced
    /// (`KafkaClientOptions.metadataAgeMax`). Keys go to other partitions from then on.
    public var partitionCount: Int { producer.accumulator.partitionCount(of: buffer) }

    /// Copies a record into the batch of its partition: that of the key's hash, as with Kafka's Java client, or the one
    /// whose turn it is where there is no key.
    /// - Parameters:
    ///   - timestamp: nil for now.
    ///   - partition: nil for that of the key.
    /// - Returns: false: the buffer is full, and the record was not taken. Call `Producer.waitForSpace` and try again.
    /// - Throws: `recordTooLarge`, `unknownPartition`, `closed`; and the error of an earlier record that could not be
    ///   delivered, until `Producer.flush` has thrown it.
    public func tryEnqueue(
        key: RawSpan?, value: RawSpan?, headers: [RecordHeader] = [], timestamp: Timestamp? = nil,
        partition: Int? = nil
    ) throws(KafkaClientError) -> Bool {
        // The spans outlive the call, and the bytes are copied within it.
        let keyBytes: UnsafeRawBufferPointer? = if let key { key.withUnsafeBytes { $0 } } else { nil }
        let valueBytes: UnsafeRawBufferPointer? = if let value { value.withUnsafeBytes { $0 } } else { nil }
        let record = Accumulator.RecordBytes(
            key: keyBytes, value: valueBytes, headers: headers, timestamp: timestamp)
        return try producer.append(record, to: buffer, partition: partition)
    }

    /// The same for bytes by their places.
    package func tryEnqueue(
        keyBytes: UnsafeRawBufferPointer?, valueBytes: UnsafeRawBufferPointer?, headers: [RecordHeader],
        timestamp: Timestamp?, partition: Int?
    ) throws(KafkaClientError) -> Bool {
        let record = Accumulator.RecordBytes(key: keyBytes, value: valueBytes, headers: headers, timestamp: timestamp)
        return try producer.append(record, to: buffer, partition: partition)
    }

    /// The same for a record that stands on its own.
    public func tryEnqueue(_ record: Record, partition: Int? = nil) throws(KafkaClientError) -> Bool {
        try record.withRecordBytes { bytes throws(KafkaClientError) in
            try producer.append(bytes, to: buffer, partition: partition)
        }
    }
}

extension Record {
    /// At most what it takes in a batch.
    var encodedBytesMax: Int {
        Accumulator.encodedBytesMax(key: key?.count, value: value?.count, headers: headers)
    }

    func withRecordBytes<R>(
        _ body: (Accumulator.RecordBytes) throws(KafkaClientError) -> R
    ) throws(KafkaClientError) -> R {
        try key.withBytes { key throws(KafkaClientError) in
            try value.withBytes { value throws(KafkaClientError) in
                try body(
                    Accumulator.RecordBytes(key: key, value: value, headers: headers, timestamp: timestamp))
            }
        }
    }
}

extension [UInt8]? {
    fileprivate func withBytes<R>(
        _ body: (UnsafeRawBufferPointer?) throws(KafkaClientError) -> R
    ) throws(KafkaClientError) -> R {
        guard let self else { return try body(nil) }
        var result: Result<R, KafkaClientError>?
        self.withUnsafeBytes { bytes in
            do throws(KafkaClientError) { result = .success(try body(bytes)) } catch { result = .failure(error) }
        }
        guard let result else { preconditionFailure("withUnsafeBytes ran nothing") }
        return try result.get()
    }
}
