internal import EventLog
internal import KafkaProtocol

/// What a producer sent for one partition, before anything is done with it.
enum ProducedBatch {
    /// Exactly one batch, whole and true, of records that a producer may send. The rules are Kafka's.
    @_lifetime(borrow bytes)
    static func check(
        _ bytes: UnsafeRawBufferPointer, bytesMax: Int, decompressedBytesMax: Int
    ) throws(Refusal) -> RecordBatchView {
        guard !bytes.isEmpty else { throw Refusal(.invalidRecord, "there is no batch") }
        // The limit is for what is sent, so that compressing it here lets nothing through; and it comes first, so that
        // nothing is spent on what is over it.
        guard bytes.count <= bytesMax else { throw Refusal(.batchTooLarge(bytes: bytes.count, limit: bytesMax)) }
        let batch: RecordBatchView
        do { batch = try RecordBatchView(validating: bytes.bytes) } catch { throw Refusal(.corruptBatch(error)) }
        guard batch.header.sizeInBytes == bytes.count else {
            throw Refusal(.invalidRecord, "a partition gets one batch in a request: bytes follow after it")
        }
        try check(batch.header)
        do { try batch.validateRecords(decompressedBytesMax: decompressedBytesMax) } catch {
            throw Refusal(.corruptBatch(error))
        }
        return batch
    }

    private static func check(_ header: RecordBatchHeader) throws(Refusal) {
        guard !header.attributes.isControl else {
            throw Refusal(.invalidRecord, "control batches are the broker's to write")
        }
        guard !header.attributes.isTransactional else {
            throw Refusal(.invalidTxnState, "transactions are not served")
        }
        guard !header.attributes.usesLogAppendTime else {
            throw Refusal(.invalidTimestamp, "the time of the append is the broker's to set")
        }
        guard header.producerID < 0 || header.baseSequence >= 0 else {
            throw Refusal(.invalidRecord, "a batch of producer \(header.producerID) has no sequence number")
        }
    }
}

/// Why a batch is not taken: Kafka's code, and the reason in words.
struct Refusal: Error {
    let code: ErrorCode
    let message: String

    init(_ code: ErrorCode, _ message: String) {
        self.code = code
        self.message = message
    }

    init(_ error: LogError) { self.init(error.wireCode, error.wireMessage) }
}
