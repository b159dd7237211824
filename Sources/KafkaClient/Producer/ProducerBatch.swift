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
    /// Records that nobody waits for.
    var unattendedCount = 0
    /// Counted in the accumulator's `bufferedBytes`.
    var bufferedBytes = 0
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

    /// As new, with its memory.
    func reset() {
        builder.reset()
        deliveries.removeAll(keepingCapacity: true)
        unattendedCount = 0
        bufferedBytes = 0
        sequence = nil
        producerID = -1
        wire = nil
        attempts = 0
        isInDoubt = false
    }
}

/// Of a caller of `send`. Resumed with nil, there was no room for its record.
typealias SendContinuation = CheckedContinuation<Result<RecordMetadata?, KafkaClientError>, Never>

/// Who waits for records of a batch.
enum Delivery {
    /// A caller of `send`, for one record.
    case record(index: Int, timestamp: Timestamp, SendContinuation)
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
