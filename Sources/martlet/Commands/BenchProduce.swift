import ArgumentParser
import LoadGenerator

struct BenchProduce: BenchSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "produce",
        abstract: "Measures how much many connections can write.",
        discussion: """
            As fast as it goes, each connection has --in-flight requests under way, of batches that were made in advance; a \
            latency is that of a request. With --rate records are due at fixed times, and a latency counts from then.

            EXAMPLES
              martlet bench produce
              martlet bench produce --connections 100 --acks 1 --seconds 30
              martlet bench produce --record-size 1kB --compression lz4
              martlet bench produce --rate 50000 --linger-ms 2 --svg produce.svg
              martlet bench produce --broker 10.0.0.7:9092 --payload data.ndjson
            """)

    @Option(name: [.short, .long], help: ArgumentHelp("How many connections there are.", valueName: "n"))
    var connections = 10

    @OptionGroup var amount: BenchAmountArguments
    @OptionGroup var producer: BenchProducerArguments
    @OptionGroup var broker: BenchBrokerArguments
    @OptionGroup var output: BenchOutputArguments

    func validate() throws { try BenchConnections.check(connections, "--connections") }

    func measure() async throws -> BenchReport {
        let payloads = try producer.payload.makePayloads()
        return try await BenchBroker.with(broker, settings: BenchConnections.settings(connections)) { bench in
            try await bench.withTopic(broker) { target in
                var load = ProduceLoad(target, payloads, amount.amount)
                load.settings = producer.settings()
                load.connections = connections
                load.rate = producer.rate
                let ready = load
                let before = try await bench.diskBytes(of: target.topic)
                let start = BenchCosts.start(bench.process)
                let tally = try await BenchThread.run("Producing") { (watch) throws(LoadError) in try ready.run(watch) }
                let costs = BenchCosts(since: start)
                let after = try await bench.diskBytes(of: target.topic)
                return report(bench, load, tally, costs, disk: before.flatMap { before in after.map { $0 - before } })
            }
        }
    }

    private func report(
        _ bench: BenchBroker, _ load: ProduceLoad, _ tally: LoadTally, _ costs: BenchCosts, disk: Int64?
    ) -> BenchReport {
        let pace = producer.rate.map { "\(BenchPlot.short($0)) records/s" } ?? "as fast as it goes"
        var report = BenchReport(
            "produce",
            setting: "\(connections.counted("connection")), \(load.target.partitions.count.counted("partition")), "
                + producer.description + ", " + pace)
        report.parameters =
            bench.parameters(load.target) + producer.parameters + [
                ("connections", .init(connections)),
                ("warmupSeconds", .decimal(load.amount.warmup.rounded(toPlaces: 3))),
            ]
        report.add(tally, after: load.amount.warmup)
        report.add(costs, records: tally.allRecords, bytes: tally.allBytes)
        report.add(diskBytes: disk, payload: tally.allBytes)
        if tally.latency.count > 0 {
            let title = producer.rate == nil ? "a request, until acknowledged" : "from due until acknowledged"
            report.add(latency: "acknowledged", title, tally.latency)
        }
        report.add(flow: "produced", "produced, records", tally.timeline)
        if producer.acks == .none {
            report.notes.append(
                "With --acks 0 a record counts as sent when the system has it: nobody says whether it came.")
        }
        return report
    }
}
