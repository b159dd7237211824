internal import NIOCore

/// Records of one partition that travel together.
///
/// Unchecked: the accumulator's lock guards it while it fills; from then on the sender alone has it.
final class ProducerBatch: @unchecked Sendable {
    var builder: RecordBatchBuilder
    // What the accumulator knows.
    var slot = 0
    /// Ascending in the order in which batches were begun.
    var serial: Int64 = 0
    var begun = NIODeadline.distantPast
    var deliveries: [Delivery] = []
    // What the sender knows.
    /// The first record's, under `producerID`.
    var sequence: Int32?
    var producerID: Int64 = -1
    /// As it goes over the wire, for this sequence.
    var wire: ByteBuffer?
    var attempts = 0
    /// True: the broker may have it, though it has not said so.
    var isInDoubt = false

    init(compression: Compression) { builder = RecordBatchBuilder(compression: compression) }

    var recordCount: Int { builder.count }
    /// What it takes of the producer's buffer.
    var bufferedBytes: Int { builder.estimatedByteCount }
    func hasRoom(for byteCount: Int, max: Int) -> Bool { builder.estimatedByteCount + byteCount <= max }

    /// True: there are records that nobody waits for.
    var hasUnattended: Bool {
        let attended = deliveries.reduce(0) { sum, delivery in
            switch delivery {
            case .record: sum + 1
            case .group(_, let count): sum + count
            }
        }
        return attended < recordCount
    }

    /// Returns by how much `bufferedBytes` has grown.
    func append(_ record: Accumulator.RecordBytes, _ timestamp: Timestamp) -> Int {
        // One access to the builder: each is checked, which costs more than a field.
        Self.append(record, timestamp, to: &builder)
    }

    private static func append(
        _ record: Accumulator.RecordBytes, _ timestamp: Timestamp, to builder: inout RecordBatchBuilder
    ) -> Int {
        // The first record pays for the batch's header.
        let before = builder.count == 0 ? 0 : builder.estimatedByteCount
        let headers = record.headers
        // Four cases, because a span cannot leave the expression that makes it from a pointer.
        switch (record.key, record.value) {
        case (let key?, let value?):
            builder.append(
                key: RawSpan(_unsafeBytes: key), value: RawSpan(_unsafeBytes: value), headers: headers,
                timestamp: timestamp)
        case (let key?, nil):
            builder.append(key: RawSpan(_unsafeBytes: key), value: nil, headers: headers, timestamp: timestamp)
        case (nil, let value?):
            builder.append(key: nil, value: RawSpan(_unsafeBytes: value), headers: headers, timestamp: timestamp)
        case (nil, nil):
            builder.append(key: nil, value: nil, headers: headers, timestamp: timestamp)
        }
        return builder.estimatedByteCount - before
    }

    /// As new, with its memory.
    func reset() {
        builder.reset()
        deliveries.removeAll(keepingCapacity: true)
        sequence = nil
        producerID = -1
        wire = nil
        attempts = 0
        isInDoubt = false
    }
}

/// Who waits for records of a batch.
enum Delivery {
    /// A caller of `send`, for one record.
    case record(index: Int, timestamp: Timestamp, Pending<RecordMetadata>)
    /// A caller of `sendBatch`, for some of its records.
    case group(DeliveryGroup, count: Int)
}

/// What became of a batch.
struct BatchOutcome {
    /// nil: the broker did not say.
    var baseOffset: Offset?
    /// nil: records keep their own timestamps.
    var logAppendTime: Timestamp?
    var wireBytes: Int
}
