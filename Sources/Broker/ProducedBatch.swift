internal import EventLog
internal import KafkaProtocol

/// What a producer sent for one partition.
enum ProducedBatch {
    /// Exactly one batch, whole and true, of records that a producer may send in `version` of Produce. The rules are
    /// Kafka's.
    /// - Parameter survey: takes in the records, where they are not compressed.
    @_lifetime(borrow bytes)
    static func check(
        _ bytes: UnsafeRawBufferPointer, version: Int16, bytesMax: Int, decompressedBytesMax: Int,
        _ rules: RecordRules, _ survey: inout RecordSurvey
    ) throws(Refusal) -> RecordBatchView {
        guard !bytes.isEmpty else { throw Refusal(.invalidRecord, "there is no batch: send one for each partition") }
        // The limit is for what is sent, so that compressing it here lets nothing through; and it comes first, so that
        // nothing is spent on what is over it.
        guard bytes.count <= bytesMax else { throw Refusal(.batchTooLarge(bytes: bytes.count, limit: bytesMax)) }
        let batch: RecordBatchView
        do { batch = try RecordBatchView(validating: bytes.bytes) } catch { throw Refusal(.corruptBatch(error)) }
        guard batch.header.sizeInBytes == bytes.count else {
            throw Refusal(
                .invalidRecord, "a partition gets one batch in a request: bytes follow after it: leave them out")
        }
        try check(batch.header, version: version)
        do throws(BatchError) {
            try batch.validateRecords(decompressedBytesMax: decompressedBytesMax) {
                survey.add(RecordOutline($0), rules)
            }
        } catch {
            throw Refusal(.corruptBatch(error))
        }
        return batch
    }

    private static func check(_ header: RecordBatchHeader, version: Int16) throws(Refusal) {
        guard !header.attributes.isControl else {
            throw Refusal(.invalidRecord, "control batches are the broker's to write: send records")
        }
        guard !header.attributes.isTransactional else {
            throw .transactional
        }
        guard !header.attributes.usesLogAppendTime else {
            throw Refusal(
                .invalidTimestamp,
                "the time of the append is the broker's to set: send the time of creation, and give the topic "
                    + "message.timestamp.type=LogAppendTime")
        }
        guard header.producerID < 0 || header.baseSequence >= 0 else {
            throw Refusal(
                .invalidRecord,
                "a batch of producer \(header.producerID) has no sequence number, but \(header.baseSequence): number its "
                    + "records from 0 on")
        }
        guard header.compression != .zstd || version >= ProduceRequest.firstZstdVersion else {
            throw Refusal(
                .unsupportedCompressionType,
                "zstd came with Produce \(ProduceRequest.firstZstdVersion), and this is Produce \(version): use a newer "
                    + "client, or another codec")
        }
    }
}

/// Why a batch is not taken: Kafka's code, and the reason in words.
struct Refusal: Error {
    let code: ErrorCode
    let message: String
    /// The records that are at fault, by their place in the batch; none: the request or the batch is, as a whole.
    let records: [RecordFault]

    init(_ code: ErrorCode, _ message: String, _ records: [RecordFault] = []) {
        self.code = code
        self.message = message
        self.records = records
    }

    init(_ error: LogError) {
        code = error.wireCode
        message = error.wireMessage
        if case .corruptBatch(let problem) = error {
            records = problem.faultyRecord.map { [$0] } ?? []
        } else {
            records = []
        }
    }

    static let transactional = Refusal(
        .invalidTxnState, "transactions are not served: leave out the transactional id, idempotence needs none")
}
