import KafkaClient

/// Prints records as a command was told to, and shows how many while nobody sees them.
struct RecordPrinter: ~Copyable {
    /// nil: as JSON.
    private let template: RecordTemplate?
    private let recordsMax: Int?
    /// Each batch is to be seen at once.
    private let isPrompt: Bool
    private var out = StandardOutput()
    private var done = Throughput()
    private var progress = Progress("Reading", isShown: StandardError.isTerminal && !StandardOutput.isTerminal)

    private struct Enough: Error {}

    init(_ template: RecordTemplate?, recordsMax: Int?, isPrompt: Bool) {
        self.template = template
        self.recordsMax = recordsMax
        self.isPrompt = isPrompt
    }

    /// Whether it has printed as many as it was to.
    var isFull: Bool { done.records == recordsMax }

    /// Returns the offset after what it has printed: the batch's, unless there were to be no more.
    mutating func print(_ batch: ConsumedBatch) throws -> Offset {
        var next = batch.nextOffset
        do {
            try batch.forEachRecord { record in
                if let template {
                    template.append(record, topic: batch.topic, partition: batch.partition, to: &out.bytes)
                } else {
                    RecordJSON.append(record, topic: batch.topic, partition: batch.partition, to: &out.bytes)
                }
                try out.flushIfLarge()
                done.add(record)
                if done.records == recordsMax {
                    next = record.offset.advanced(by: 1)
                    throw Enough()
                }
            }
        } catch is Enough {}
        if isPrompt { try out.flush() }
        if progress.isDue { progress.update(done, fraction: nil) }
        return next
    }

    mutating func finish() throws {
        progress.finish()
        try out.flush()
    }
}

extension Throughput {
    mutating func add(_ record: borrowing RecordView) {
        records += 1
        if let key = record.key { payloadBytes += key.byteCount }
        if let value = record.value { payloadBytes += value.byteCount }
    }
}
