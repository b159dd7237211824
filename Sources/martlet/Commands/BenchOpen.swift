import ArgumentParser
import EventLog
import KafkaClient
import LoadGenerator
import Storage

struct BenchOpen: BenchSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "open",
        abstract: "Measures how long a broker takes to start on a directory.",
        discussion: """
            Starts 'martlet serve' on the directory, waits until it says that it is there and answers, and stops it: --runs \
            times. A directory that was not closed in order is so after the first run; with --kill each run but the \
            first begins as after a crash. With --library the directory is opened in this process, without a broker. \
            Without a directory each run has an empty one.

            EXAMPLES
              martlet bench open
              martlet bench open martlet-data
              martlet bench open martlet-data --kill --runs 20
              martlet bench open martlet-data --library --json
            """)

    @Argument(help: "The data directory, which no broker has open.", completion: .directory)
    var directory: String?

    @Option(help: ArgumentHelp("How often it is opened.", valueName: "n"))
    var runs = 9

    @Flag(help: "Kills the broker at the end of each run, in place of stopping it.")
    var kill = false

    @Flag(help: "Opens the directory by the library, in this process.")
    var library = false

    @Option(help: ArgumentHelp("The program that is started; this one if not given.", valueName: "path"))
    var martlet: String?

    @Option(
        help: ArgumentHelp(
            "Where empty directories are made. (default: $TMPDIR, else /var/tmp)", valueName: "directory"),
        completion: .directory)
    var workDirectory: String?

    @OptionGroup var output: BenchOutputArguments

    func validate() throws {
        guard (1...10_000).contains(runs) else { throw ValidationError("--runs takes 1 to 10,000") }
        if library, kill { throw ValidationError("--library has no process to kill: leave --kill out") }
        if library, martlet != nil { throw ValidationError("--library starts no program: leave --martlet out") }
        if directory != nil, workDirectory != nil {
            throw ValidationError("--work-directory is for empty directories: leave it or the directory out")
        }
        if directory?.isEmpty == true { throw ValidationError("the directory is empty text: give a path") }
    }

    func measure() async throws -> BenchReport {
        if let directory { try PlaceOptions.check(directory) }
        let start = LoadClock.now
        var times = LatencyHistogram()
        var first: Int64?
        var memory: [Int64] = []
        while times.count < runs, !Interruption.hasCome {
            let time = try open(&memory)
            first = first ?? time
            times.record(time)
        }
        return report(times, first: first, memory, start)
    }

    /// One run. Nanoseconds until it was there.
    private func open(_ memory: inout [Int64]) throws -> Int64 {
        if let directory { return try open(directory, &memory) }
        let empty = try WorkDirectory(in: workDirectory)
        defer { empty.remove() }
        return try open(empty.path + "/data", &memory)
    }

    private func open(_ path: String, _ memory: inout [Int64]) throws -> Int64 {
        let start = LoadClock.now
        if library {
            let log = try EventLog.open(at: path)
            let time = LoadClock.now - start
            try log.close()
            return time
        }
        let broker = try ChildBroker(martlet ?? ChildBroker.thisProgram, data: path)
        do {
            let address = try BrokerAddress(parsing: broker.address)
            _ = try LoadConnection(to: LoadAddress(address))
        } catch {
            broker.stop()
            throw error
        }
        let time = LoadClock.now - start
        if let reading = ProcessReading(of: broker.process) { memory.append(reading.residentBytes) }
        if kill { broker.crash() } else { broker.stop() }
        return time
    }

    private func report(
        _ times: LatencyHistogram, first: Int64?, _ memory: [Int64], _ start: Int64
    ) -> BenchReport {
        let how = library ? "by the library" : kill ? "a broker, killed each time" : "a broker, stopped each time"
        var report = BenchReport(
            "open", setting: "\(directory ?? "an empty directory"), \(how), \(Int(times.count).counted("run"))")
        report.parameters = [
            ("directory", .init(directory)), ("library", .flag(library)), ("kill", .flag(kill)),
            ("runs", .init(times.count)),
        ]
        func milliseconds(_ value: Double?) -> (String?, Table.Cell) {
            (value.map { "\($0.rounded(toPlaces: 1)) ms" }, value.map { .decimal($0.rounded(toPlaces: 3)) } ?? .none)
        }
        let (median, most) = (milliseconds(times.percentile(50)), milliseconds(times.max))
        let begin = milliseconds(first.map { Double($0) / 1e6 })
        report.add("Until ready, median", ("medianMilliseconds", median.0, median.1))
        report.add("The longest", ("maxMilliseconds", most.0, most.1))
        report.add("The first", ("firstMilliseconds", begin.0, begin.1))
        let resident = memory.sorted()
        let middle = resident.isEmpty ? nil : resident[resident.count / 2]
        report.add(
            "Memory when ready",
            (
                "brokerResidentBytes", middle.map { BinarySize.text($0) + " resident" },
                middle.map { .init($0) } ?? .none
            ))
        report.add(latency: "ready", "until ready", times)
        report.wasInterrupted = times.count < runs
        return report
    }
}
