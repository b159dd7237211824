import ArgumentParser
import LoadGenerator

struct BenchConsume: BenchSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "consume",
        abstract: "Measures how fast consumers replay what a topic has.",
        discussion: """
            Reads from the first record to the last, over and over until the time is up. The partitions are dealt out to \
            the consumers; where there are more consumers than partitions, several read the same. Batches are counted, not \
            decompressed. Its own topic is filled first, with --fill records, which is not measured.

            EXAMPLES
              martlet bench consume
              martlet bench consume --consumers 4 --fill 5000000 --seconds 30
              martlet bench consume --broker 10.0.0.7:9092 --topic readings --json
            """)

    @Option(name: [.short, .long], help: ArgumentHelp("How many consumers there are.", valueName: "n"))
    var consumers = 1

    @Option(help: ArgumentHelp("Records that its own topic is filled with.", valueName: "n"))
    var fill = 1_000_000

    @Option(
        help: ArgumentHelp(
            "The most bytes of a partition that an answer brings. (default: 1MiB)", valueName: "size"),
        transform: BenchPayloadArguments.size)
    var fetchSize: Int?

    @OptionGroup var amount: BenchAmountArguments
    @OptionGroup var producer: BenchProducerArguments
    @OptionGroup var broker: BenchBrokerArguments
    @OptionGroup var output: BenchOutputArguments

    func validate() throws {
        try BenchConnections.check(consumers, "--consumers")
        guard (1...1_000_000_000).contains(fill) else { throw ValidationError("--fill takes 1 to 1,000,000,000") }
        if let fetchSize, fetchSize > 128 << 20 { throw ValidationError("--fetch-size takes 128MiB at most") }
        if producer.rate != nil { throw ValidationError("a replay goes as fast as it can: leave --rate out") }
    }

    func measure() async throws -> BenchReport {
        let payloads = broker.topic == nil ? try producer.payload.makePayloads() : Payloads()
        return try await BenchBroker.with(broker, settings: BenchConnections.settings(consumers)) { bench in
            try await bench.withTopic(broker) { empty in
                let target =
                    broker.topic == nil
                    ? try await bench.fill(empty, payloads, producer.settings(), records: fill) : empty
                var load = ConsumeLoad(target, amount.amount)
                load.consumers = consumers
                load.fetchBytes = fetchSize ?? load.fetchBytes
                let ready = load
                let disk = try await bench.diskBytes(of: target.topic)
                let start = BenchCosts.start(bench.process)
                let tally = try await BenchThread.run("Consuming") { (watch) throws(LoadError) in try ready.run(watch) }
                return report(bench, load, tally, BenchCosts(since: start), disk: disk)
            }
        }
    }

    private func report(
        _ bench: BenchBroker, _ load: ConsumeLoad, _ tally: LoadTally, _ costs: BenchCosts, disk: Int64?
    ) -> BenchReport {
        let held = load.target.partitions.reduce(0) { $0 + Int($1.end - $1.start) }
        let what = broker.topic.map { "topic \($0)" } ?? producer.description
        var report = BenchReport(
            "consume",
            setting: "\(consumers.counted("consumer")), \(load.target.partitions.count.counted("partition")), "
                + "\(held.counted("record")), " + what)
        report.parameters =
            bench.parameters(load.target) + [
                ("consumers", .init(consumers)), ("fetchSize", .init(load.fetchBytes)), ("heldRecords", .init(held)),
                ("compression", broker.topic == nil ? .text(producer.compression.rawValue) : .none),
                ("warmupSeconds", .decimal(load.amount.warmup.rounded(toPlaces: 3))),
            ]
        report.add(tally, after: load.amount.warmup)
        report.add(costs, records: tally.allRecords, bytes: tally.allBytes)
        report.add(diskBytes: disk, payload: 0)
        report.add(latency: "fetch", "a fetch, until answered", tally.latency)
        report.add(flow: "consumed", "consumed, records", tally.timeline)
        return report
    }
}
