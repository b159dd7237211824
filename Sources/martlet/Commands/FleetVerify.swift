import ArgumentParser
import Fleet
import KafkaClient

struct FleetVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Replays a topic and compares each record with what the fleet sent.",
        discussion: """
            Each device's readings must come in order, without a gap or a repetition, equal byte for byte, with their \
            timestamps. Exit status 3: they do not.

            EXAMPLES
              martlet fleet verify telemetry
              martlet fleet verify telemetry --from 2026-01-01T01:00:00Z
            """)

    @Argument(help: "The topic.")
    var topic: String

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "From where on: earliest or a time; a fraction such as 0.5 is a time in the middle.", valueName: "time"),
        transform: FleetStart.init(parsing:))
    var from = FleetStart.earliest

    @OptionGroup var arguments: FleetArguments
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let fleet = arguments.fleet
        let verdict = try await connection.withClient { client in
            let start = try await start(fleet, client)
            return try await verify(fleet, from: start, client)
        }
        var out = StandardOutput()
        try verdict.print(asJSON: output.json, to: &out)
        try out.flush()
        if !verdict.isGood { throw ExitCode(ExitStatus.damage.rawValue) }
    }

    /// nil: from the beginning.
    private func start(_ fleet: Fleet, _ client: KafkaClient) async throws -> Int64? {
        switch from {
        case .earliest: return nil
        case .time(let milliseconds): return milliseconds
        case .fraction(let fraction):
            let latest = try await client.admin.listOffsets(topic, at: .maxTimestamp).compactMap(\.timestamp).max()
            guard let latest, latest.milliseconds > fleet.start else { return nil }
            return fleet.start + Int64(Double(latest.milliseconds - fleet.start) * fraction)
        }
    }

    private func verify(_ fleet: Fleet, from start: Int64?, _ client: KafkaClient) async throws -> Verdict {
        var replay = start.map { FleetReplay(of: fleet, from: $0) } ?? FleetReplay(of: fleet)
        let consumer = try await client.makeConsumer(
            topic: topic, from: start.map { .timestamp(Timestamp(milliseconds: $0)) } ?? .earliest, until: .end)
        var progress = Progress("Replaying")
        let done = try await FleetHistory.run(consumer, &replay, &progress)
        progress.finish()
        return Verdict(
            done: done, start: start, verifiedCount: replay.verifiedCount, problemCount: replay.problemCount,
            problem: replay.firstProblem, laggingDevice: replay.laggingDevice)
    }

    private struct Verdict {
        var done: Throughput
        var start: Int64?
        var verifiedCount: Int
        var problemCount: Int
        var problem: String?
        var laggingDevice: String?

        var isGood: Bool { problemCount == 0 && laggingDevice == nil }

        func print(asJSON: Bool, to out: inout StandardOutput) throws {
            if asJSON { return try table.print(asJSON: true, to: &out) }
            try out.writeLine(done.text)
            if let problem { try out.writeLine("WRONG: \(problemCount.grouped) records; the first: \(problem)") }
            if let laggingDevice {
                try out.writeLine(
                    "WRONG: the readings of \(laggingDevice) end before the others': the producer was interrupted, and "
                        + "'martlet fleet produce' sends what is missing; or records were lost")
            }
            if isGood {
                let from = start.map { "from \(TimeText.format($0)) on " } ?? ""
                try out.writeLine("Verified: all readings \(from)are there, in order, equal byte for byte")
            }
        }

        private var table: Table {
            var table = Table([
                .init("isGood", "Good"), .init("records", "Records"), .init("payloadBytes", "Payload"),
                .init("seconds", "Seconds"), .init("recordsPerSecond", "Records/s"), .init("verified", "Verified"),
                .init("wrong", "Wrong"), .init("firstProblem", "Problem"), .init("laggingDevice", "Lagging"),
                .init("start", "From"),
            ])
            table.add(
                .flag(isGood), .init(done.records), .init(done.payloadBytes),
                .decimal(done.elapsed.seconds.rounded(toPlaces: 3)), .init(done.recordsPerSecond), .init(verifiedCount),
                .init(problemCount), .init(problem), .init(laggingDevice), .init(start.map { TimeText.format($0) }))
            return table
        }
    }
}

/// Where a fleet's replay starts.
enum FleetStart: Hashable {
    case earliest
    /// Milliseconds since 1970.
    case time(Int64)
    /// Of the time from the first reading to the last.
    case fraction(Double)

    init(parsing text: String) throws {
        if text == "earliest" {
            self = .earliest
        } else if let milliseconds = TimeText.parse(text) {
            self = .time(milliseconds)
        } else if let fraction = Double(text), (0...1).contains(fraction) {
            self = .fraction(fraction)
        } else {
            throw ValidationError("'\(text)' is no start of a replay: give earliest, a time, or a fraction from 0 to 1")
        }
    }
}
