import ArgumentParser
import LoadGenerator

struct BenchMixed: BenchSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "mixed",
        abstract: "Measures what producers see while consumers replay history at full speed.",
        discussion: """
            Producers at a fixed rate, first alone, then beside consumers that read the topic from its first record, over \
            and over; each for as long as is measured. Its own topic is filled first, with --fill records.

            EXAMPLES
              martlet bench mixed
              martlet bench mixed --rate 50000 --consumers 4 --seconds 30
              martlet bench mixed --fill 10000000 --svg mixed.svg
              martlet bench mixed --broker 10.0.0.7:9092 --topic readings --json
            """)

    @Option(name: [.short, .long], help: ArgumentHelp("How many connections produce.", valueName: "n"))
    var connections = 1

    @Option(help: ArgumentHelp("How many consumers replay.", valueName: "n"))
    var consumers = 1

    @Option(help: ArgumentHelp("Records that its own topic is filled with.", valueName: "n"))
    var fill = 1_000_000

    @OptionGroup var amount: BenchAmountArguments
    @OptionGroup var producer: BenchProducerArguments
    @OptionGroup var broker: BenchBrokerArguments
    @OptionGroup var output: BenchOutputArguments

    private var rate: Double { producer.rate ?? BenchLatency.rateDefault }

    func validate() throws {
        try BenchConnections.check(connections, "--connections")
        try BenchConnections.check(consumers, "--consumers")
        guard (1...1_000_000_000).contains(fill) else { throw ValidationError("--fill takes 1 to 1,000,000,000") }
        if producer.acks == .none { throw ValidationError("--acks 0 has no answers to time: give all or 1") }
    }

    func measure() async throws -> BenchReport {
        let payloads = try producer.payload.makePayloads()
        return try await BenchBroker.with(broker, settings: BenchConnections.settings(connections + consumers)) {
            bench in
            try await bench.withTopic(broker) { empty in
                let target =
                    broker.topic == nil
                    ? try await bench.fill(empty, payloads, producer.settings(), records: fill) : empty
                var load = ProduceLoad(target, payloads, amount.amount)
                load.settings = producer.settings(linger: 0)
                load.connections = connections
                load.rate = rate
                let ready = load
                let alone = try await BenchThread.run("Producing alone") { (watch) throws(LoadError) in
                    try ready.run(watch)
                }
                let seconds = load.amount.duration(rate: rate) ?? 0
                var replay = ConsumeLoad(
                    target, LoadAmount(warmup: load.amount.warmup, .seconds(max(0.01, seconds - load.amount.warmup))))
                replay.consumers = consumers
                let (reading, isOver) = (replay, alone.wasInterrupted)
                let start = BenchCosts.start(bench.process)
                async let produced = BenchThread.run("Producing beside replay") { (watch) throws(LoadError) in
                    isOver ? alone : try ready.run(watch)
                }
                async let consumed = BenchThread.run(nil) { (watch) throws(LoadError) in try reading.run(watch) }
                let (beside, replayed) = (try await produced, try await consumed)
                return report(bench, load, alone, beside, replayed, BenchCosts(since: start))
            }
        }
    }

    private func report(
        _ bench: BenchBroker, _ load: ProduceLoad, _ alone: LoadTally, _ beside: LoadTally, _ replayed: LoadTally,
        _ costs: BenchCosts
    ) -> BenchReport {
        let held = load.target.partitions.reduce(0) { $0 + Int($1.end - $1.start) }
        var report = BenchReport(
            "mixed",
            setting: "\(BenchPlot.short(rate)) records/s over \(connections.counted("connection")) beside "
                + "\(consumers.counted("consumer")) of \(held.counted("record")), "
                + "\(load.target.partitions.count.counted("partition")), " + producer.description)
        report.parameters =
            bench.parameters(load.target) + producer.parameters.filter { $0.key != "rate" } + [
                ("rate", .decimal(rate.rounded(toPlaces: 2))), ("connections", .init(connections)),
                ("consumers", .init(consumers)), ("heldRecords", .init(held)),
                ("warmupSeconds", .decimal(load.amount.warmup.rounded(toPlaces: 3))),
            ]
        report.add(beside, after: load.amount.warmup)
        let seconds = max(replayed.seconds, 1e-6)
        let (records, bytes) = (Double(replayed.records) / seconds, Double(replayed.wireBytes) / seconds / 1e6)
        report.add(
            "Replayed", ("replayedRecords", replayed.records.grouped, .init(replayed.records)),
            (
                "replayedRecordsPerSecond", "\(Int(records).grouped)/s", .decimal(records.rounded(toPlaces: 1))
            ),
            (
                "replayedMegabytesPerSecond", "\(bytes.rounded(toPlaces: 1)) MB/s", .decimal(bytes.rounded(toPlaces: 3))
            ))
        let ratio = beside.latency.percentile(99).flatMap { beside in
            alone.latency.percentile(99).flatMap { $0 > 0 ? beside / $0 : nil }
        }
        report.add(
            "p99 beside replay",
            (
                "p99Ratio", ratio.map { "\(Int(($0 * 100).rounded())) % of that alone" },
                ratio.map { .decimal($0.rounded(toPlaces: 4)) } ?? .none
            ))
        report.add(costs, records: 0, bytes: 0)
        report.add(latency: "alone", "alone, from due", alone.latency)
        report.add(latency: "besideReplay", "beside replay, from due", beside.latency)
        report.add(flow: "produced", "produced, records", beside.timeline)
        report.add(flow: "replayed", "replayed, records", replayed.timeline)
        if alone.unanswered > 0 { report.isIncomplete = true }
        return report
    }
}
