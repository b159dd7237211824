import KafkaClient
import RecordFormat
import Storage

/// Copies what is wanted of a topic to a target, and keeps on disk how far it has come.
struct ExportRun {
    private(set) var state: TransferState
    private let target: any ExportTarget
    private let progressPath: String
    /// nil: nobody wants to know afterwards.
    private let manifestPath: String?
    private let skipsDamage: Bool
    private let fileSystem: any FileSystem
    private var progress = Progress("Exporting")
    private var done = Throughput()
    private var unsavedBytes = 0
    private var saved = ContinuousClock.now
    private var indexes: [Int: Int] = [:]

    /// What a kill costs at most, in bytes of batches; or a second's worth.
    private let savedBytesMax: Int
    static let savedBytesMax = 64 << 20
    private static let savedInterval = Duration.seconds(1)

    init(
        _ state: TransferState, to target: any ExportTarget, progressPath: String, manifestPath: String?,
        skipsDamage: Bool, savedBytesMax: Int, _ fileSystem: any FileSystem
    ) {
        self.savedBytesMax = savedBytesMax
        self.state = state
        self.target = target
        self.progressPath = progressPath
        self.manifestPath = manifestPath
        self.skipsDamage = skipsDamage
        self.fileSystem = fileSystem
        for (index, part) in state.parts.enumerated() { indexes[part.partition] = index }
    }

    mutating func run(from source: BrokerSource) async throws -> Throughput {
        var source = source
        do {
            try await source.begin(state.parts)
            while let chunk = try await source.next() { try take(chunk) }
            await source.close()
        } catch {
            await source.close()
            try stop(for: error)
        }
        return try finish()
    }

    mutating func run(from source: DirectorySource) throws -> Throughput {
        do {
            try source.begin(state.parts)
            while let chunk = try source.next() { try take(chunk) }
        } catch {
            try stop(for: error)
        }
        return try finish()
    }

    private mutating func take(_ chunk: SourceChunk) throws {
        if case .damaged(let damage) = chunk { try pass(damage) }
        try chunk.forEachBatch { partition, batch in
            guard let index = indexes[partition] else { return }
            let before = state.parts[index].records
            do {
                try target.take(batch, into: &state.parts[index])
            } catch let error as BatchError {
                try pass(batch, of: index, error)
            }
            done.records += state.parts[index].records - before
            done.payloadBytes += batch.count
            unsavedBytes += batch.count
        }
        if progress.isDue { progress.update(done, fraction: state.fraction) }
        if unsavedBytes >= savedBytesMax || ContinuousClock.now - saved >= Self.savedInterval { try save() }
        if Interruption.hasCome {
            throw Failure(
                "interrupted after \(state.records.grouped) records: the same command with --resume goes on",
                status: .interrupted)
        }
    }

    /// Leaves a batch out that is damaged. Where its checksum is wrong its header may be, too: its last offset has to
    /// make sense.
    private mutating func pass(_ batch: UnsafeRawBufferPointer, of index: Int, _ error: BatchError) throws {
        let part = state.parts[index]
        let header = try RecordBatchHeader(parsing: batch.bytes)
        let damage = SourceDamage(
            partition: part.partition, place: "the batch of offset \(max(header.baseOffset, part.next))",
            reason: error.description)
        guard (0...100_000_000).contains(header.lastOffset.distance(from: part.next)) else {
            throw Failure(
                "\(damage.line): what follows cannot be found this way: stop the broker and read its directory, with "
                    + "--data", status: .damage)
        }
        try pass(damage)
        state.parts[index].next = min(part.end, header.lastOffset.advanced(by: 1))
    }

    private mutating func pass(_ damage: SourceDamage) throws {
        guard skipsDamage else {
            throw Failure(
                "\(damage.line): what lies before it is kept, and the same command with --resume and "
                    + "--skip-damaged goes "
                    + "on past it", status: .damage)
        }
        progress.finish()
        StandardError.print("martlet: damaged, and passed over: \(damage.line)")
        state.damageCount += 1
    }

    /// What came before it is kept.
    private mutating func stop(for error: any Error) throws -> Never {
        progress.finish()
        // Where that fails, the last one holds.
        try? save()
        target.abandon()
        throw error
    }

    private mutating func save() throws {
        try target.synchronize(&state)
        try state.write(to: progressPath, fileSystem)
        unsavedBytes = 0
        saved = .now
    }

    private mutating func finish() throws -> Throughput {
        // Nothing follows in any of them.
        for index in state.parts.indices { state.parts[index].next = state.parts[index].end }
        do {
            try target.finish(&state)
            try state.write(to: progressPath, fileSystem)
            let elapsed = progress.elapsed
            progress.finish()
            var checking = Progress("Checking")
            try target.verify(state) { records in
                if checking.isDue {
                    let fraction = Double(records) / Double(max(1, state.records))
                    checking.update(Throughput(records: records), fraction: fraction)
                }
            }
            checking.finish()
            if let manifestPath { try state.write(to: manifestPath, fileSystem) }
            try fileSystem.remove(progressPath)
            done.elapsed = elapsed
            return done
        } catch {
            target.abandon()
            throw error
        }
    }
}
