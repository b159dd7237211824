import ArgumentParser
import EventLog
import KafkaClient
import RecordFormat
import Storage

struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Writes what 'martlet export' has made, or lines of JSON, to a topic.",
        discussion: """
            Records go to a broker by Kafka's protocol: their order within each partition stays, their offsets are new. \
            With --data they go to a directory that no broker has open, as a new topic and with their offsets.

            The topic is made where it is missing, with the settings that it had. Lines are those of 'martlet consume \
            --json'; without a partition, the key chooses it. When all is there, it is read back and compared by count and \
            checksum.

            A file .import beside the source says where the import begins, until it is done: after a kill, the same command \
            with --resume finds out what is there, and goes on; nothing is written twice. That needs a topic that nobody \
            else writes to.

            Exit status 3: something of the source is damaged. What is whole before it is imported.

            EXAMPLES
              martlet import readings.ndjson
              martlet import readings.ndjson --as readings-2025 --resume
              martlet import backup --topic readings --broker new:9092
              martlet import lines.ndjson --as readings --partitions 4
              martlet import backup --topic readings --data martlet-data
            """)

    @Argument(help: "A file of JSON lines, or a data directory.", completion: .file())
    var source: String

    @Option(help: ArgumentHelp("The topic of a directory that holds several.", valueName: "name"))
    var topic: String?

    @Option(help: ArgumentHelp("The topic to write to. (default: the name that it had)", valueName: "name"))
    var `as`: String?

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("How many partitions a new topic gets. (default: as many as it had)", valueName: "n"))
    var partitions: Int?

    @Flag(help: "Goes on where an earlier run was stopped.")
    var resume = false

    @Flag(help: "Goes on past what is damaged, and says where it was.")
    var skipDamaged = false

    @Option(
        help: ArgumentHelp(
            "The file that says where the import begins. (default: the source's name and .import)", valueName: "file"),
        completion: .file())
    var progress: String?

    @OptionGroup var place: PlaceOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if source.isEmpty { throw ValidationError("the source has no name") }
        if let partitions, !(1...EventLog.partitionsMax).contains(partitions) {
            throw ValidationError("--partitions takes 1 to \(EventLog.partitionsMax)")
        }
    }

    func run() async throws {
        Interruption.catchSignals()
        var out = StandardOutput()
        let status = try await perform(to: &out)
        try out.flush()
        if status != .success { throw ExitCode(status.rawValue) }
    }

    func perform(to out: inout StandardOutput) async throws -> ExitStatus {
        let fileSystem = PosixFileSystem()
        guard fileSystem.exists(source) else { throw Failure("there is no \(source)") }
        if (try? fileSystem.list(source)) == nil {
            let manifest = try fileManifest(fileSystem)
            guard let name = `as` ?? manifest?.topic else {
                throw Failure("\(source) has no manifest that names its topic: give one with --as")
            }
            if let data = place.data { return try await importFile(name, manifest, into: data, fileSystem, to: &out) }
            return try await importFile(name, manifest, fileSystem, to: &out)
        }
        try PlaceOptions.check(source)
        return try await OpenedLog.with(source) { log in
            let topic = try chosenTopic(log)
            let from = try DirectorySource(log, topic: topic)
            if let data = place.data { return try await importDirectory(from, topic, into: data, fileSystem, to: &out) }
            return try await importDirectory(from, topic, fileSystem, to: &out)
        }
    }

    private func importFile(
        _ name: String, _ manifest: TransferState?, into data: String, _ fileSystem: any FileSystem,
        to out: inout StandardOutput
    ) async throws -> ExitStatus {
        let run = try await OpenedLog.with(data) { log in
            let progressPath = progress ?? "\(data)/\(name).import"
            let begun = try ImportProgress.read(progressPath, fileSystem)
            if begun != nil, !resume {
                throw Failure("an import is begun (\(progressPath)): give --resume to go on with it")
            }
            let progress = begun ?? ImportProgress(topic: name, createsTopic: true, time: .now)
            var run = try DirectoryImport(
                source, manifest, as: name, partitionCount: partitions, begun: progress.time, skipsDamage: skipDamaged)
            try DirectoryTarget.check(log, name, resumes: begun != nil)
            // Known before the topic is there: whoever finds it knows whose it is.
            if begun == nil { try progress.write(to: progressPath, fileSystem) }
            try run.run(to: try DirectoryTarget(log, run.state, resumes: true))
            try fileSystem.remove(progressPath)
            return run
        }
        return try report(run.state, run.done, in: data, damageCount: run.damageCount, to: &out)
    }

    private func importDirectory(
        _ from: DirectorySource, _ topic: String, into data: String, _ fileSystem: any FileSystem,
        to out: inout StandardOutput
    ) async throws -> ExitStatus {
        let name = `as` ?? topic
        let (state, done) = try await OpenedLog.with(data) { log in
            let progressPath = progress ?? "\(data)/\(name).import"
            let begun = try TransferState.read(progressPath, fileSystem)
            if begun != nil, !resume {
                throw Failure("an import is begun (\(progressPath)): give --resume to go on with it")
            }
            try DirectoryTarget.check(log, name, resumes: begun != nil)
            var state = try begun ?? whole(from, as: name)
            if begun == nil { state.parts = try from.withBases(state.parts) }
            if begun == nil { try state.write(to: progressPath, fileSystem) }
            var run = ExportRun(
                state, to: try DirectoryTarget(log, state, resumes: true), progressPath: progressPath,
                manifestPath: nil, skipsDamage: skipDamaged, savedBytesMax: ExportRun.savedBytesMax, fileSystem)
            let done = try run.run(from: from)
            return (run.state, done)
        }
        return try report(state, done, in: data, damageCount: state.damageCount, to: &out)
    }

    private func whole(_ from: DirectorySource, as name: String) throws -> TransferState {
        let (count, settings) = from.describe()
        let all = Array(0..<count)
        let starts = try from.offsets(at: .earliest, of: all, now: .now)
        let ends = try from.offsets(at: .latest, of: all, now: .now)
        return TransferState(
            form: .directory, topic: name, partitionCount: max(partitions ?? count, count), settings: settings,
            parts: all.map { TransferState.Part(partition: $0, start: starts[$0] ?? 0, end: ends[$0] ?? 0) })
    }

    private func report(
        _ state: TransferState, _ done: Throughput, in data: String, damageCount: Int, to out: inout StandardOutput
    ) throws -> ExitStatus {
        if output.json {
            out.bytes.append(contentsOf: state.json)
            try out.flushIfLarge()
        } else {
            try out.writeLine(done.text)
            try out.writeLine(
                "\(data) has all \(state.records.grouped) in topic '\(state.topic)', compared by count and "
                    + "checksum; their "
                    + "offsets are as they were")
            if damageCount > 0 { try out.writeLine("DAMAGED: \(damageCount.counted("place")) passed over") }
        }
        return damageCount > 0 ? .damage : .success
    }

    /// nil: the file is not of an export.
    private func fileManifest(_ fileSystem: any FileSystem) throws -> TransferState? {
        if fileSystem.exists(TransferState.progressPath(.ndjson, source, topic: "")) {
            throw Failure(
                "\(source) is an export that is not whole: end it first ('martlet export … --to \(source) --resume')")
        }
        return try TransferState.read(TransferState.manifestPath(.ndjson, source, topic: ""), fileSystem)
    }

    private func chosenTopic(_ log: EventLog) throws -> String {
        if let topic { return topic }
        let names = log.topics.map(\.name).filter { $0 != ConsumerOffsets.topicName }
        guard names.count == 1 else {
            throw Failure("\(source) holds \(names.count.grouped) topics: name one with --topic")
        }
        return names[0]
    }

    private func importFile(
        _ name: String, _ manifest: TransferState?, _ fileSystem: any FileSystem, to out: inout StandardOutput
    ) async throws -> ExitStatus {
        try await connection.withClient { client in
            let settings = manifest?.settings ?? [:]
            let filling = TopicFilling(
                client, name, partitionCount: partitions ?? manifest?.partitionCount, settings,
                progressPath: progress ?? "\(source).import", fileSystem)
            let (target, begun) = try await filling.open(resumes: resume)
            var run = ImportRun(to: target, defaultTime: begun, skipsDamage: skipDamaged)
            var lines = try LineReader(path: source)
            try await run.send(&lines, path: source)
            if let manifest, run.damageCount == 0 {
                for part in manifest.parts {
                    try manifest.compare(part, target.offered(part.partition), in: source)
                }
            }
            try await filling.finish()
            return try report(run, target, to: &out)
        }
    }

    private func importDirectory(
        _ from: DirectorySource, _ topic: String, _ fileSystem: any FileSystem, to out: inout StandardOutput
    ) async throws -> ExitStatus {
        try await connection.withClient { client in
            let (count, settings) = from.describe()
            let filling = TopicFilling(
                client, `as` ?? topic, partitionCount: partitions ?? count, settings,
                progressPath: progress ?? "\(source)/\(topic).import", fileSystem)
            let (target, begun) = try await filling.open(resumes: resume)
            guard target.partitionCount >= count else {
                throw Failure(
                    "topic '\(topic)' has \(count) partitions, and the one to write to "
                        + "\(target.partitionCount): give it "
                        + "more, or import to another with --as")
            }
            var run = ImportRun(to: target, defaultTime: begun, skipsDamage: skipDamaged)
            try await run.send(from, try whole(from, as: topic).parts)
            try await filling.finish()
            return try report(run, target, to: &out)
        }
    }

    private func report(_ run: ImportRun, _ target: BrokerTarget, to out: inout StandardOutput) throws -> ExitStatus {
        if output.json {
            var object = JSONObject()
            object.add("topic", .text(target.topic))
            object.add("records", .init(target.offeredCount))
            object.add("present", .init(target.presentCount))
            object.add("damaged", .init(run.damageCount))
            object.add("seconds", .decimal(run.done.elapsed.seconds.rounded(toPlaces: 3)))
            out.bytes.append(contentsOf: object.closed)
            try out.writeLine("")
        } else {
            try out.writeLine("\(run.done.text); \(target.wireBytes.asBytes) sent")
            let present = target.presentCount > 0 ? " (\(target.presentCount.grouped) were there already)" : ""
            try out.writeLine(
                "Topic '\(target.topic)' has all \(target.offeredCount.grouped)\(present), compared by count "
                    + "and checksum; "
                    + "their offsets are new, their order is as it was")
            if run.damageCount > 0 { try out.writeLine("DAMAGED: \(run.damageCount.counted("place")) passed over") }
        }
        return run.damageCount > 0 ? .damage : .success
    }
}
