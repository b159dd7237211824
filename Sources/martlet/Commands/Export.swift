import ArgumentParser
import EventLog
import KafkaClient
import Storage

struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Copies a topic, or a stretch of it, to a file of JSON lines or to a directory that opens as a log.",
        discussion: """
            A name that ends in .ndjson or .jsonl is a file: a line of JSON for each record, as 'martlet consume --json' \
            prints it. Any other name is a data directory, made where it is missing: batches are copied as they are, with \
            their offsets. 'martlet import' takes both, and so does 'martlet serve --data' a directory.

            When all is there, it is read back and compared by count and checksum; then a manifest says what it is. Until \
            then a file .progress beside it says how far it has come: after a kill, the same command with --resume goes on.

            Exit status 3: something of the topic is damaged. What is whole is kept.

            POSITIONS (--from, --until)
              \(Position.list.indented)

            EXAMPLES
              martlet export readings --to readings.ndjson
              martlet export readings:0,3-5 --to part.ndjson --from -7d
              martlet export readings --to backup --data martlet-data
              martlet export readings --to january.ndjson --from 2026-01-01 \\
                --until 2026-02-01
            """)

    @Argument(help: "The topic; or some partitions of it, as in readings:0,3-5.")
    var topic: String

    @Option(help: ArgumentHelp("A file (.ndjson, .jsonl) or a directory.", valueName: "path"), completion: .file())
    var to: String

    @Option(
        parsing: .unconditional, help: ArgumentHelp("Where to start. (default: earliest)", valueName: "position"),
        transform: Position.init(parsing:))
    var from: Position?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Before which record to stop. (default: the end, as it is now)", valueName: "position"),
        transform: Position.init(parsing:))
    var until: Position?

    @Flag(help: "Goes on where an earlier run was stopped, up to the end that was set then.")
    var resume = false

    @Flag(help: "Goes on past what is damaged, and says where it was.")
    var skipDamaged = false

    @OptionGroup var place: PlaceOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        let term = try PartitionSelection.Term(parsing: topic)
        if term.isGlob { throw ValidationError("'\(topic)' is no topic: give the name of one") }
        if to.isEmpty { throw ValidationError("--to is empty") }
    }

    var form: TransferState.Form { to.hasSuffix(".ndjson") || to.hasSuffix(".jsonl") ? .ndjson : .directory }

    func run() async throws {
        Interruption.catchSignals()
        var out = StandardOutput()
        let status = try await perform(to: &out)
        try out.flush()
        if status != .success { throw ExitCode(status.rawValue) }
    }

    func perform(
        to out: inout StandardOutput, _ fileSystem: any FileSystem = PosixFileSystem(),
        savedBytesMax: Int = ExportRun.savedBytesMax
    ) async throws -> ExitStatus {
        let name = try PartitionSelection.Term(parsing: topic).pattern
        let files = ExportFiles(form, to, topic: name, fileSystem)
        if resume, let whole = try files.manifest() {
            try report(whole, nil, to: &out)
            return whole.damageCount > 0 ? .damage : .success
        }
        let (state, done) =
            if let data = place.data {
                try await exportDirectory(data, name, files, savedBytesMax)
            } else {
                try await exportTopic(name, files, savedBytesMax)
            }
        try report(state, done, to: &out)
        return state.damageCount > 0 ? .damage : .success
    }

    private func exportDirectory(
        _ data: String, _ name: String, _ files: ExportFiles, _ savedBytesMax: Int
    ) async throws -> (TransferState, Throughput) {
        try PlaceOptions.check(data)
        return try await OpenedLog.with(data) { log in
            let source = try DirectorySource(log, topic: name)
            let begun = try files.start(resumes: resume) {
                let (count, settings) = source.describe()
                let partitions = try selected(of: count)
                let now = Timestamp.now
                let starts = try source.offsets(at: from ?? .earliest, of: partitions, now: now)
                let ends = try source.offsets(at: until ?? .latest, of: partitions, now: now)
                var state = makeState(name, count, settings, partitions, starts, ends)
                if form == .directory { state.parts = try source.withBases(state.parts) }
                return state
            }
            return try await withTarget(begun, files) { target in
                var run = makeRun(begun.state, target, files, savedBytesMax)
                let done = try run.run(from: source)
                return (run.state, done)
            }
        }
    }

    private func exportTopic(
        _ name: String, _ files: ExportFiles, _ savedBytesMax: Int
    ) async throws -> (TransferState, Throughput) {
        try await connection.withClient { client in
            let source = BrokerSource(client, topic: name)
            let begun = try await files.start(resumes: resume) {
                let (count, settings) = try await source.describe()
                let partitions = try selected(of: count)
                let now = Timestamp.now
                // The ends first: what goes by retention meanwhile is then before both.
                let ends = try await source.offsets(at: until ?? .latest, of: partitions, now: now)
                let starts = try await source.offsets(at: from ?? .earliest, of: partitions, now: now)
                var state = makeState(name, count, settings, partitions, starts, ends)
                if form == .directory { state.parts = try await source.withBases(state.parts) }
                return state
            }
            return try await withTarget(begun, files) { target in
                var run = makeRun(begun.state, target, files, savedBytesMax)
                let done = try await run.run(from: source)
                return (run.state, done)
            }
        }
    }

    private func selected(of count: Int) throws -> [Int] {
        let term = try PartitionSelection.Term(parsing: topic)
        guard let ranges = term.partitions else { return Array(0..<count) }
        if let past = ranges.first(where: { $0.upperBound >= count }) {
            throw KafkaClientError.unknownPartition(topic: term.pattern, partition: past.upperBound, count: count)
        }
        return Set(ranges.joined()).sorted()
    }

    private func makeState(
        _ name: String, _ count: Int, _ settings: [String: String], _ partitions: [Int], _ starts: [Int: Offset],
        _ ends: [Int: Offset]
    ) -> TransferState {
        TransferState(
            form: form, topic: name, partitionCount: count, settings: settings,
            parts: partitions.map { index in
                TransferState.Part(partition: index, start: starts[index] ?? 0, end: ends[index] ?? 0)
            })
    }

    private func withTarget<R>(
        _ begun: ExportFiles.Begun, _ files: ExportFiles, _ body: (any ExportTarget) async throws -> R
    ) async throws -> R {
        switch form {
        case .ndjson: return try await body(try NDJSONTarget(to, after: begun.state.byteCount, files.fileSystem))
        case .directory:
            return try await OpenedLog.with(to) { log in
                try await body(try DirectoryTarget(log, begun.state, resumes: begun.isResumed))
            }
        }
    }

    private func makeRun(
        _ state: TransferState, _ target: any ExportTarget, _ files: ExportFiles, _ savedBytesMax: Int
    ) -> ExportRun {
        ExportRun(
            state, to: target, progressPath: files.progressPath, manifestPath: files.manifestPath,
            skipsDamage: skipDamaged, savedBytesMax: savedBytesMax, files.fileSystem)
    }

    private func report(_ state: TransferState, _ done: Throughput?, to out: inout StandardOutput) throws {
        if output.json {
            out.bytes.append(contentsOf: state.json)
            return try out.flushIfLarge()
        }
        if let done { try out.writeLine(done.text) }
        try out.writeLine(
            "\(to) has \(state.records.grouped) records of \(state.parts.count.grouped) partitions of "
                + "'\(state.topic)', "
                + "compared by count and checksum")
        if state.damageCount > 0 { try out.writeLine("DAMAGED: \(state.damageCount.counted("place")) passed over") }
    }
}
