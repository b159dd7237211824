import KafkaClient
import RecordFormat
import Storage

/// Gives the records of a source to a topic of a broker.
struct ImportRun {
    private let target: BrokerTarget
    private let skipsDamage: Bool
    /// Of lines that do not say.
    private let defaultTime: Timestamp
    private var progress = Progress("Importing")
    private(set) var done = Throughput()
    private(set) var damageCount = 0
    private var places: LinePlaces

    init(to target: BrokerTarget, defaultTime: Timestamp, skipsDamage: Bool) {
        self.target = target
        places = LinePlaces(partitionCount: target.partitionCount)
        self.defaultTime = defaultTime
        self.skipsDamage = skipsDamage
    }

    /// Sends a file's records. What was sent before an error is acknowledged when that is thrown.
    mutating func send(_ lines: inout LineReader, path: String) async throws {
        var line = RecordLine()
        do {
            while let text = try lines.next() {
                var record: RecordLine.Fields
                do { record = try line.read(text) } catch {
                    try pass("\(path), line \(lines.lineNumber), byte \(error.position + 1)", error.reason)
                    continue
                }
                if record.timestamp == nil { record.timestamp = defaultTime }
                let partition = places.partition(of: record)
                guard partition < target.partitionCount else {
                    throw Failure(
                        "\(path), line \(lines.lineNumber): the record is of partition \(partition), and topic "
                            + "'\(target.topic)' has \(target.partitionCount): give it more, or import to "
                            + "another with --as"
                    )
                }
                while !(try target.offer(record, to: partition)) { try await target.waitForSpace() }
                count(text.count)
                if done.records % 256 == 0 {
                    if progress.isDue {
                        let total = lines.totalBytes.map { Double(max(1, $0)) }
                        progress.update(done, fraction: total.map { Double(lines.bytesRead) / $0 })
                    }
                    try checkInterruption()
                }
            }
            if lines.wasInterrupted { throw Failure.interrupted }
        } catch {
            try await stop(for: error)
        }
        try await finish()
    }

    /// Sends what a directory has of a topic.
    mutating func send(_ source: DirectorySource, _ parts: [TransferState.Part]) async throws {
        var state = TransferState(form: .directory, topic: "", partitionCount: 1, settings: [:], parts: parts)
        var reader = StoredRecords()
        do {
            try source.begin(parts)
            while let chunk = try source.next() {
                if case .damaged(let damage) = chunk {
                    try pass("partition \(damage.partition): \(damage.place)", damage.reason)
                }
                guard case .stored(let partition, let position, let bytes) = chunk,
                    let index = state.parts.firstIndex(where: { $0.partition == partition })
                else { continue }
                var next = 0
                do {
                    // A batch that finds no room is gone through again from where it did.
                    while let stopped = try reader.offer(bytes.span.bytes, state.parts[index], from: next, to: target) {
                        next = stopped
                        try await target.waitForSpace()
                    }
                } catch let error as BatchError {
                    try pass("partition \(partition): byte \(position) of its segment", error.description)
                }
                let header = try RecordBatchHeader(parsing: bytes.span.bytes)
                state.parts[index].next = header.lastOffset.advanced(by: 1)
                done.records = target.offeredCount
                done.payloadBytes += bytes.count
                if progress.isDue { progress.update(done, fraction: state.fraction) }
                try checkInterruption()
            }
        } catch {
            try await stop(for: error)
        }
        try await finish()
    }

    private mutating func count(_ byteCount: Int) {
        done.records += 1
        done.payloadBytes += byteCount
    }

    private mutating func pass(_ place: String, _ reason: String) throws {
        guard skipsDamage else { throw Failure.damaged(place, reason) }
        progress.finish()
        StandardError.print("martlet: damaged, and passed over: \(place): \(reason)")
        damageCount += 1
    }

    private func checkInterruption() throws {
        if Interruption.hasCome { throw Failure.interrupted }
    }

    /// What was sent counts: it is acknowledged first.
    private mutating func stop(for error: any Error) async throws -> Never {
        try? await target.close()
        progress.finish()
        throw error
    }

    private mutating func finish() async throws {
        do { try await target.close() } catch {
            progress.finish()
            throw error
        }
        done.elapsed = progress.elapsed
        progress.finish()
        var checking = Progress("Checking")
        let due = max(1, target.offeredCount - target.presentCount)
        try await target.verify { count in
            if checking.isDue { checking.update(Throughput(records: count), fraction: Double(count) / Double(due)) }
        }
        checking.finish()
    }
}

/// Goes through batches record by record.
struct StoredRecords: ~Copyable {
    private var scratch = DecompressionBuffer()

    init() {}

    /// Offers a batch's records of a part, from that number on. nil: all were taken; else which one found no room.
    mutating func offer(
        _ batch: RawSpan, _ part: TransferState.Part, from first: Int, to target: BrokerTarget
    ) throws -> Int? {
        let view = try RecordBatchView(validating: batch)
        if view.header.attributes.isControl { return nil }
        if first == 0 {
            // Before any of it is sent: damage costs the whole batch.
            var check = try RecordCursor(view, into: &scratch)
            while try check.next() != nil {}
        }
        var cursor = try RecordCursor(view, into: &scratch)
        var index = 0
        while let record = try cursor.next() {
            defer { index += 1 }
            guard index >= first, record.offset >= part.next, record.offset < part.end else { continue }
            var fields = RecordLine.Fields()
            fields.timestamp = record.timestamp
            // The record outlives them.
            if let key = record.key { fields.key = key.withUnsafeBytes { $0 } }
            if let value = record.value { fields.value = value.withUnsafeBytes { $0 } }
            if record.headerCount > 0 { fields.headers = record.makeHeaders() }
            guard try target.offer(fields, to: part.partition) else { return index }
        }
        return nil
    }
}
