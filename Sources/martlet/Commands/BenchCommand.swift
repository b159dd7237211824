import ArgumentParser

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures a broker: throughput, latency, connections, start-up.",
        discussion: """
            Works with any broker that speaks Kafka's protocol. Without --broker it starts one of its own on a directory \
            that is removed afterwards. A latency counts from when a record was due, not from when there was time to send \
            it. docs/BENCH.md says what each figure means.

            EXAMPLES
              martlet bench produce
              martlet bench latency --rate 10000 --svg latency.svg
              martlet bench consume --consumers 4 --json
              martlet bench mixed --broker 10.0.0.7:9092 --rate 5000
            """,
        subcommands: [
            BenchProduce.self, BenchConsume.self, BenchLatency.self, BenchCommit.self, BenchConnect.self,
            BenchOpen.self,
            BenchMixed.self,
        ])
}

/// A benchmark, which makes a report.
protocol BenchSubcommand: AsyncParsableCommand {
    var output: BenchOutputArguments { get }
    func measure() async throws -> BenchReport
}

extension BenchSubcommand {
    func run() async throws {
        Interruption.catchSignals()
        let report = try await measure()
        var out = StandardOutput()
        try report.print(asJSON: output.output.json, to: &out)
        try out.flush()
        if let svg = output.svg { try writeTextFile(Array(BenchPlot(report).svg.utf8), to: svg) }
        if report.wasInterrupted { throw ExitCode(ExitStatus.interrupted.rawValue) }
        if report.isIncomplete {
            throw Failure(
                "not everything was answered within 10 s after the end: lower --rate to what the broker keeps up with")
        }
    }
}
