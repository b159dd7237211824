import ArgumentParser
import KafkaClient
import LoadGenerator

struct BenchCommit: BenchSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "commit",
        abstract: "Measures how many offsets consumer groups can commit.",
        discussion: """
            Each connection commits for a group of its own, an offset of each partition at a time. The groups are deleted \
            afterwards.

            EXAMPLES
              martlet bench commit
              martlet bench commit --connections 500 --in-flight 8
              martlet bench commit --partitions 1 --rate 10000
              martlet bench commit --broker 10.0.0.7:9092 --json
            """)

    @Option(name: [.short, .long], help: ArgumentHelp("How many connections there are, a group each.", valueName: "n"))
    var connections = 100

    @Option(help: ArgumentHelp("Requests of a connection that wait for their answers.", valueName: "n"))
    var inFlight = 1

    @Option(
        help: ArgumentHelp("Requests a second of all together; as fast as it goes if not given.", valueName: "n"),
        transform: BenchProducerArguments.rate)
    var rate: Double?

    @OptionGroup var amount: BenchAmountArguments
    @OptionGroup var broker: BenchBrokerArguments
    @OptionGroup var output: BenchOutputArguments

    func validate() throws {
        try BenchConnections.check(connections, "--connections")
        guard (1...1000).contains(inFlight) else { throw ValidationError("--in-flight takes 1 to 1,000") }
    }

    func measure() async throws -> BenchReport {
        try await BenchBroker.with(broker, settings: BenchConnections.settings(connections)) { bench in
            try await bench.withTopic(broker) { target in
                let run = String(UInt32.random(in: 0 ... .max), radix: 36)
                let groups = (0..<connections).map { "martlet-bench-\(run)-\($0)" }
                var load = CommitLoad(
                    target, bootstrap: LoadAddress(bench.address), groups: groups, amount.amount)
                load.inFlight = inFlight
                load.rate = rate
                let ready = load
                do {
                    let start = BenchCosts.start(bench.process)
                    let tally = try await BenchThread.run("Committing") { (watch) throws(LoadError) in
                        try ready.run(watch)
                    }
                    let costs = BenchCosts(since: start)
                    try await remove(groups, bench)
                    return report(bench, load, tally, costs)
                } catch {
                    try? await remove(groups, bench)
                    throw error
                }
            }
        }
    }

    private func remove(_ groups: [String], _ bench: BenchBroker) async throws {
        guard !bench.isOwn, !broker.keep else { return }
        for group in groups { try await bench.client.admin.deleteGroup(group) }
    }

    private func report(
        _ bench: BenchBroker, _ load: CommitLoad, _ tally: LoadTally, _ costs: BenchCosts
    ) -> BenchReport {
        let pace = rate.map { "\(BenchPlot.short($0)) requests/s" } ?? "as fast as it goes"
        var report = BenchReport(
            "commit",
            setting: "\(connections.counted("connection")) with a group each, \(inFlight) in flight, "
                + "\(load.target.partitions.count.counted("offset")) a request, " + pace)
        report.parameters =
            bench.parameters(load.target) + [
                ("connections", .init(connections)), ("inFlight", .init(inFlight)),
                ("rate", rate.map { .decimal($0.rounded(toPlaces: 2)) } ?? .none),
                ("warmupSeconds", .decimal(load.amount.warmup.rounded(toPlaces: 3))),
            ]
        report.add(tally, after: load.amount.warmup, noun: "commits")
        report.add(costs, records: tally.allRecords, bytes: 0)
        let title = rate == nil ? "a request, until answered" : "from due until answered"
        report.add(latency: "commit", title, tally.latency)
        report.add(flow: "commits", "commits", tally.timeline)
        return report
    }
}
