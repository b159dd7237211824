import ArgumentParser
import Foundation

@main
struct MartletBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet-bench",
        abstract: "Measures the log beside plain C on the same machine, in the same run.",
        discussion: """
            Examples:
              swift run -c release martlet-bench
              swift run -c release martlet-bench append scan --json
              swift run -c release martlet-bench --smoke
            """,
        subcommands: [Run.self, Load.self, Compact.self, ServeYardstick.self], defaultSubcommand: Run.self)
}

/// Writes until it is killed: what the recovery benchmark starts.
struct Load: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Appends until it is killed.", shouldDisplay: false)
    @Argument var path: String
    func run() throws { try RecoveryBenchmark.load(path) }
}

/// Compacts once, and says what memory that took: what the compaction benchmark starts.
struct Compact: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Compacts, and prints its memory.", shouldDisplay: false)
    @Argument var path: String
    func run() throws { try PeakMemory.printOfCompaction(at: path) }
}

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Measures, and prints a table.")

    @Argument(
        help: """
            What to measure: append, durable, rounds, lookup, scan, replay, open, recovery, groups, retention, compaction, foreground; and \
            of the broker: commits, rebalance, start, produce, network. All where none is named.
            """)
    var parts: [Part] = []

    @Option(help: "Where to write; needs 11 GB.")
    var directory = "bench-data"

    @Option(help: "The broker's binary; that which was built along with this one, if not given.")
    var martlet = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        .appendingPathComponent("martlet").path

    @Flag(help: "Small amounts: shows that everything runs; the figures mean nothing.")
    var smoke = false

    @Flag(help: "One JSON array instead of the table.")
    var json = false

    enum Part: String, CaseIterable, ExpressibleByArgument {
        case append, durable, rounds, lookup, scan, replay, open, recovery, groups
        case retention, compaction, foreground
        case commits, rebalance, start, produce, network
    }

    func run() throws {
        try? FileManager.default.removeItem(atPath: directory)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        raiseDescriptorLimit()
        let scale = Scale(isSmoke: smoke, directory: directory, martlet: martlet)
        if !json { print(Measurement.heading) }
        var all: [Measurement] = []
        for part in parts.isEmpty ? Part.allCases : parts {
            let measurements = try measure(part, scale)
            if !json { for measurement in measurements { print(measurement.line) } }
            all += measurements
        }
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            print(String(decoding: try encoder.encode(all), as: UTF8.self))
        }
    }

    private func measure(_ part: Part, _ scale: Scale) throws -> [Measurement] {
        switch part {
        case .append: try AppendBenchmark(scale).run()
        case .durable: try DurableBenchmark(scale).run()
        case .rounds: try RoundsBenchmark(scale).run()
        case .lookup: try LookupBenchmark(scale).run()
        case .scan: try ScanBenchmark(scale).run()
        case .replay: try ReplayBenchmark(scale).run()
        case .open: try OpenBenchmark(scale).run()
        case .recovery: try RecoveryBenchmark(scale).run()
        case .groups: try GroupsBenchmark(scale).run()
        case .retention: try RetentionBenchmark(scale).run()
        case .compaction: try CompactionBenchmark(scale).run()
        case .foreground: try ForegroundBenchmark(scale).library()
        case .produce: try ForegroundBenchmark(scale).broker()
        case .commits: try CommitBenchmark(scale).run()
        case .rebalance: try RebalanceBenchmark(scale).run()
        case .start: try StartBenchmark(scale).run()
        case .network: try NetworkBenchmark(scale).run()
        }
    }

    private func raiseDescriptorLimit() {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}

/// How much is measured, and where.
struct Scale {
    let isSmoke: Bool
    let directory: String
    /// Where the broker's binary is.
    let martlet: String

    func amount(_ full: Int) -> Int { isSmoke ? max(1, full / 100) : full }
    var runs: Int { isSmoke ? 1 : 5 }

    /// A directory of its own, empty.
    func newDirectory(_ name: String) throws -> String {
        let path = "\(directory)/\(name)"
        try? FileManager.default.removeItem(atPath: path)
        return path
    }
}
