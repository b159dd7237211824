import ArgumentParser
import LoadGenerator

struct BenchLatency: BenchSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "latency",
        abstract: "Measures how long a record takes from its producer to a consumer, at a fixed rate.",
        discussion: """
            A record's time counts from when it was due: if the broker stops for a second, every record that was due in \
            that second has its part of it. Each record bears its number, and is looked for.

            EXAMPLES
              martlet bench latency
              martlet bench latency --rate 100000 --linger-ms 5 --connections 4
              martlet bench latency --acks 1 --seconds 60 --svg latency.svg
              martlet bench latency --broker 10.0.0.7:9092 --json
            """)

    @Option(name: [.short, .long], help: ArgumentHelp("How many connections produce.", valueName: "n"))
    var connections = 1

    @Option(help: ArgumentHelp("How many consumers there are, one a partition at most.", valueName: "n"))
    var consumers = 1

    @OptionGroup var amount: BenchAmountArguments
    @OptionGroup var producer: BenchProducerArguments
    @OptionGroup var broker: BenchBrokerArguments
    @OptionGroup var output: BenchOutputArguments

    static let rateDefault = 10_000.0

    func validate() throws {
        try BenchConnections.check(connections, "--connections")
        try BenchConnections.check(consumers, "--consumers")
    }

    func measure() async throws -> BenchReport {
        let payloads = try producer.payload.makePayloads()
        return try await BenchBroker.with(broker, settings: BenchConnections.settings(connections + consumers)) {
            bench in
            try await bench.withTopic(broker) { target in
                var produce = ProduceLoad(target, payloads, amount.amount)
                // Nothing waits for others unless that is asked for: it is the way that is timed.
                produce.settings = producer.settings(linger: 0)
                produce.connections = connections
                var load = LatencyLoad(produce, rate: producer.rate ?? Self.rateDefault)
                load.consumers = consumers
                let ready = load
                let start = BenchCosts.start(bench.process)
                let result = try await BenchThread.run("Timing") { (watch) throws(LoadError) in try ready.run(watch) }
                return report(bench, load, result, BenchCosts(since: start))
            }
        }
    }

    private func report(
        _ bench: BenchBroker, _ load: LatencyLoad, _ result: LatencyLoad.Result, _ costs: BenchCosts
    ) -> BenchReport {
        var report = BenchReport(
            "latency",
            setting: "\(BenchPlot.short(load.rate)) records/s, \(connections.counted("connection")), "
                + "\(consumers.counted("consumer")), \(load.produce.target.partitions.count.counted("partition")), "
                + producer.description)
        report.parameters =
            bench.parameters(load.produce.target) + producer.parameters.filter { $0.key != "rate" } + [
                ("rate", .decimal(load.rate.rounded(toPlaces: 2))),
                ("lingerMilliseconds", .decimal((Double(load.produce.settings.linger) / 1e6).rounded(toPlaces: 3))),
                ("connections", .init(connections)), ("consumers", .init(consumers)),
                ("warmupSeconds", .decimal(load.produce.amount.warmup.rounded(toPlaces: 3))),
            ]
        report.add(result.endToEnd, after: load.produce.amount.warmup)
        if result.acknowledged.unanswered > 0 || result.acknowledged.wasInterrupted { report.isIncomplete = true }
        report.wasInterrupted = result.acknowledged.wasInterrupted
        report.add(costs, records: result.acknowledged.allRecords, bytes: result.acknowledged.allBytes)
        report.add(latency: "endToEnd", "from due until consumed", result.endToEnd.latency)
        if result.acknowledged.latency.count > 0 {
            report.add(latency: "acknowledged", "from due until acknowledged", result.acknowledged.latency)
        }
        report.add(flow: "consumed", "consumed, records", result.endToEnd.timeline)
        if result.endToEnd.unanswered > 0, !report.wasInterrupted {
            report.notes.append(
                "\(result.endToEnd.unanswered.counted("record")) did not come back, and stand in no latency.")
        }
        return report
    }
}
