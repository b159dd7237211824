import ArgumentParser
import Fleet
import KafkaClient
import LoadGenerator
import RecordFormat
import Storage

/// Which broker is measured, and by which topic.
struct BenchBrokerArguments: ParsableArguments {
    @Option(
        name: [.short, .long],
        help: ArgumentHelp("The broker, as HOST:PORT; one that is started for it if not given.", valueName: "address"))
    var broker: String?

    @Option(
        help: ArgumentHelp(
            "Where that one has its data for the time. (default: $TMPDIR, else /var/tmp)", valueName: "directory"),
        completion: .directory)
    var workDirectory: String?

    @Option(help: ArgumentHelp("The program that is started; this one if not given.", valueName: "path"))
    var martlet: String?

    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "A topic that is there; one of its own, which is deleted afterwards, if not given.", valueName: "name"))
    var topic: String?

    @Option(name: [.short, .long], help: ArgumentHelp("Of its own topic. (default: 4)", valueName: "n"))
    var partitions: Int?

    @Flag(help: "Leaves its own topic where it is.")
    var keep = false

    static let partitionsDefault = 4

    func validate() throws {
        if let partitions, !(1...10_000).contains(partitions) {
            throw ValidationError("--partitions takes 1 to 10,000")
        }
        if topic != nil, partitions != nil {
            throw ValidationError("a topic that is there has its partitions: leave --partitions or --topic out")
        }
        if keep, broker == nil { throw ValidationError("--keep is for a broker that stays: give one by --broker") }
        if topic != nil, broker == nil { throw ValidationError("--topic is one of a broker: give it by --broker") }
        if broker != nil, martlet != nil || workDirectory != nil {
            throw ValidationError("--martlet and --work-directory are for a broker that is started: leave --broker out")
        }
    }
}

/// How much is measured.
struct BenchAmountArguments: ParsableArguments {
    @Option(name: [.short, .long], help: ArgumentHelp("How many are measured, in place of a time.", valueName: "n"))
    var records: Int?

    @Option(help: ArgumentHelp("How long is measured. (default: 10)", valueName: "seconds"))
    var seconds: Double?

    @Option(
        help: ArgumentHelp(
            "How long it runs before that. (default: 2, with --records 0)", valueName: "seconds"))
    var warmup: Double?

    static let secondsMax = 7.0 * 86_400

    func validate() throws {
        if records != nil, seconds != nil { throw ValidationError("give --records or --seconds, not both") }
        if let records, !(1...1_000_000_000_000).contains(records) {
            throw ValidationError("--records takes 1 to 1,000,000,000,000")
        }
        if let seconds, !(seconds >= 0.01 && seconds <= Self.secondsMax) {
            throw ValidationError("--seconds takes 0.01 to 604800, a week")
        }
        if let warmup, !(warmup >= 0 && warmup <= Self.secondsMax) {
            throw ValidationError("--warmup takes 0 to 604800 seconds, a week")
        }
    }

    var amount: LoadAmount {
        LoadAmount(
            warmup: warmup ?? (records == nil ? 2 : 0), records.map { .records($0) } ?? .seconds(seconds ?? 10))
    }
}

/// What the records are.
struct BenchPayloadArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A file whose lines are the values; telemetry if not given. Its first 64 MiB are used.", valueName: "file"),
        completion: .file())
    var payload: String?

    @Option(
        help: ArgumentHelp(
            "Bytes of each value: 100, 1kB, 1MiB. (default: telemetry as it is, some 120)", valueName: "size"),
        transform: Self.size)
    var recordSize: Int?

    static let fileBytesMax = 64 << 20
    static let recordSizeMax = 8 << 20

    static func size(_ text: String) throws -> Int {
        guard let bytes = SizeText.parse(text), bytes > 0 else {
            throw ValidationError("'\(text)' is no number of bytes: give one such as \(SizeText.example)")
        }
        return Int(bytes)
    }

    func validate() throws {
        if payload != nil, recordSize != nil {
            throw ValidationError("lines have their size: leave --payload or --record-size out")
        }
        if let recordSize, recordSize > Self.recordSizeMax { throw ValidationError("--record-size takes 8MiB at most") }
    }

    /// What the report says of them.
    var description: String {
        if let payload { return "lines of \(payload)" }
        return recordSize.map { "telemetry in values of \(BinarySize.exact(Int64($0)))" } ?? "telemetry"
    }

    func makePayloads() throws -> Payloads {
        guard let payload else { return Payloads(telemetry: Fleet(), recordBytes: recordSize) }
        var lines = try LineReader(path: payload)
        var payloads = Payloads()
        while let line = try lines.next() {
            guard line.count <= Self.recordSizeMax else {
                throw Failure("line \(lines.lineNumber) of \(payload) is longer than 8 MiB: split it")
            }
            guard payloads.append(line, bytesMax: Self.fileBytesMax) else { break }
        }
        guard payloads.count > 0 else { throw Failure("\(payload) has no lines: give a file with one for each record") }
        return payloads
    }
}

/// How records are sent.
struct BenchProducerArguments: ParsableArguments {
    @OptionGroup var payload: BenchPayloadArguments

    @Option(
        help: ArgumentHelp("The most bytes of a batch before compression. (default: 256KiB)", valueName: "size"),
        transform: BenchPayloadArguments.size)
    var batchSize: Int?

    @Option(
        help: ArgumentHelp(
            "How long a record waits for others where there is a rate. (default: 5)", valueName: "n"))
    var lingerMs: Double?

    @Option(help: "all: acknowledged when on stable storage; 1: when written; 0: never.")
    var acks = ProducerArguments.Acks.all

    @Option(name: [.customShort("z"), .long], help: "How batches are compressed before they are sent.")
    var compression = ProducerArguments.Codec.none

    @Option(help: ArgumentHelp("Requests of a connection that wait for their answers.", valueName: "n"))
    var inFlight = 5

    @Option(
        help: ArgumentHelp(
            "Records a second of all connections together, due whether the broker keeps up or not.", valueName: "n"),
        transform: Self.rate)
    var rate: Double?

    static let batchSizeMax = 15 << 20

    static func rate(_ text: String) throws -> Double {
        guard let rate = Double(text), rate >= 0.01, rate <= 100_000_000 else {
            throw ValidationError("'\(text)' is no rate: give records per second, 0.01 to 100,000,000")
        }
        return rate
    }

    func validate() throws {
        if let batchSize, batchSize > Self.batchSizeMax { throw ValidationError("--batch-size takes 15MiB at most") }
        if let lingerMs, !(lingerMs >= 0 && lingerMs <= 60_000) {
            throw ValidationError("--linger-ms takes 0 to 60,000")
        }
        if !(1...1000).contains(inFlight) { throw ValidationError("--in-flight takes 1 to 1,000") }
    }

    /// - Parameter linger: milliseconds where none are given.
    func settings(linger: Double = 5) -> ProducerSettings {
        var settings = ProducerSettings()
        settings.acks =
            switch acks {
            case .all: -1
            case .leader: 1
            case .none: 0
            }
        settings.compression = compression == .lz4 ? .lz4 : .none
        settings.batchBytes = batchSize ?? settings.batchBytes
        settings.linger = Int64((lingerMs ?? linger) * 1e6)
        settings.inFlight = inFlight
        return settings
    }
}

/// How many connections a command has.
enum BenchConnections {
    static let most = 60_000

    static func check(_ count: Int, _ name: String) throws {
        guard (1...most).contains(count) else { throw ValidationError("\(name) takes 1 to \(most.grouped)") }
    }
}

/// Where the outcome goes.
struct BenchOutputArguments: ParsableArguments {
    @OptionGroup var output: OutputOptions

    @Option(
        help: ArgumentHelp(
            "Draws latency by percentile and throughput over time into this file, too.", valueName: "file"))
    var svg: String?

    func validate() throws {
        if svg?.isEmpty == true { throw ValidationError("--svg is empty: give a file") }
    }
}

extension BenchConnections {
    /// What a broker that is started needs for so many from one address.
    static func settings(_ count: Int) -> [String] {
        count < 1000 ? [] : ["max.connections=\(count + 1000)", "max.connections.per.ip=\(count + 1000)"]
    }
}

// MARK: For the report

extension BenchProducerArguments {
    var description: String {
        let batch = BinarySize.exact(Int64(settings().batchBytes))
        let codec = compression == .lz4 ? "LZ4" : "no compression"
        return "acks=\(acks.rawValue), \(codec), \(payload.description), batches of \(batch)"
    }

    var parameters: [(key: String, cell: Table.Cell)] {
        [
            ("acks", .text(acks.rawValue)), ("compression", .text(compression.rawValue)),
            ("payload", .text(payload.payload ?? "telemetry")),
            ("recordSize", payload.recordSize.map { .init($0) } ?? .none),
            ("batchSize", .init(settings().batchBytes)), ("inFlight", .init(inFlight)),
            ("rate", rate.map { .decimal($0.rounded(toPlaces: 2)) } ?? .none),
        ]
    }
}

extension BenchBroker {
    func parameters(_ target: LoadTarget) -> [(key: String, cell: Table.Cell)] {
        [
            ("broker", .text("\(address)")), ("isOwnBroker", .flag(isOwn)), ("topic", .text(target.topic)),
            ("partitions", .init(target.partitions.count)),
        ]
    }
}
