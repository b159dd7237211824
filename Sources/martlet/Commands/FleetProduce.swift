import ArgumentParser
import Fleet
import KafkaClient

struct FleetProduce: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "produce",
        abstract: "Streams a fleet's readings into a topic, keyed by device.",
        discussion: """
            Goes on where the topic's history of this fleet ends: what is there is replayed and checked first.

            EXAMPLES
              martlet fleet produce telemetry --records 1000000
              martlet fleet produce telemetry --devices 50 --rate 100 --records 6000
            """)

    @Argument(help: "The topic.")
    var topic: String

    @Option(name: [.short, .long], help: "How many readings.")
    var records = 1_000_000

    @Option(help: ArgumentHelp("Readings a second; as fast as it goes if not given.", valueName: "n"))
    var rate: Int?

    @OptionGroup var arguments: FleetArguments
    @OptionGroup var producer: ProducerArguments
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if records < 0 { throw ValidationError("--records takes 0 or more") }
        if let rate, rate < 1 { throw ValidationError("--rate takes 1 or more") }
    }

    func run() async throws {
        let fleet = arguments.fleet
        let (done, statistics) = try await connection.withClient { client in
            let producer = client.makeProducer(options: producer.options)
            // Asking for the topic creates it where the broker does that.
            let target = try await producer.topic(topic)
            let history = try await FleetHistory.read(fleet, from: topic, client)
            let done = try await send(fleet, after: history, producer, target)
            return (done, producer.statistics)
        }
        var out = StandardOutput()
        if output.json {
            try Produce.table(done, statistics).print(asJSON: true, to: &out)
        } else {
            try out.writeLine("\(done.text); \(statistics.wireBytesAcknowledged.asBytes) sent")
        }
        try out.flush()
    }

    private func send(
        _ fleet: Fleet, after history: [Int64], _ producer: Producer, _ target: ProducerTopic
    ) async throws -> Throughput {
        var readings = FleetReadings(of: fleet, after: history)
        var progress = Progress("Writing")
        var done = Throughput()
        while done.records < records {
            readings.advance()
            while !(try enqueue(readings, target)) { try await producer.waitForSpace() }
            done.records += 1
            done.payloadBytes += readings.key.byteCount + readings.value.byteCount
            if done.records % 256 == 0 || rate != nil, progress.isDue {
                progress.update(done, fraction: Double(done.records) / Double(records))
            }
            if let rate { try await pace(done.records, rate, progress.elapsed) }
        }
        try await producer.close()
        done.elapsed = progress.elapsed
        progress.finish()
        return done
    }

    private func enqueue(
        _ readings: borrowing FleetReadings, _ target: ProducerTopic
    ) throws(KafkaClientError) -> Bool {
        try target.tryEnqueue(
            key: readings.key, value: readings.value, timestamp: Timestamp(milliseconds: readings.timestamp))
    }

    private func pace(_ sent: Int, _ rate: Int, _ elapsed: Duration) async throws {
        let ahead = Double(sent) / Double(rate) - elapsed.seconds
        if ahead > 0.005 { try await Task.sleep(for: .seconds(ahead)) }
    }
}
