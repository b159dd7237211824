internal import EventLog

extension ProducedBatch {
    /// How far an append has come.
    enum Step {
        case done(AppendOutcome)
        /// Nothing is appended: the batch must name another latest timestamp first.
        case isToSay(Timestamp)
    }

    /// Checks what a producer sent for a partition, where it lies, and appends it; compressed where its topic asks for that.
    static func append(
        _ bytes: UnsafeRawBufferPointer, version: Int16, to partition: Partition, _ connection: Connection
    ) throws(Refusal) -> Step {
        let loop = connection.loop
        let settings = partition.appendSettings
        let rules = RecordRules(settings, now: connection.context.now(), loop.limits)
        var survey = RecordSurvey()
        let batch = try check(
            bytes, version: version, bytesMax: settings.batchBytesMax,
            decompressedBytesMax: loop.limits.decompressedBytes, rules, &survey)
        try rules.check(batch, &survey, &loop.records)
        if let latest = rules.correction(batch.header, survey) { return .isToSay(latest) }
        if settings.compression == .lz4, loop.compressor.compress(batch) {
            return .done(try appendCompressed(to: partition, loop))
        }
        loop.commitSoon()
        return .done(partition.append(bytes, header: batch.header, isCommittedByCaller: true))
    }

    private static func appendCompressed(
        to partition: Partition, _ loop: BrokerLoop
    ) throws(Refusal) -> AppendOutcome {
        loop.commitSoon()
        do {
            return try loop.compressor.withUnsafeBytes { bytes throws(BatchError) in
                partition.append(bytes, header: try RecordBatchHeader(parsing: bytes.bytes), isCommittedByCaller: true)
            }
        } catch {
            throw Refusal(.corruptBatch(error))
        }
    }
}
