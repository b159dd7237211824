import ArgumentParser
import LoadGenerator
import Storage

struct BenchConnect: BenchSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "connections",
        abstract: "Measures what idle connections cost, and what producers beside them see.",
        discussion: """
            Opens --idle connections that say what a client says first and then nothing, and reads how much memory the \
            broker's process has got by them. Then --active producers send a record each second, each over a connection of \
            its own.

            EXAMPLES
              martlet bench connections
              martlet bench connections --idle 10000 --active 1000 --seconds 30
              martlet bench connections --broker 127.0.0.1:9092 --idle 4000 --json
            """)

    @Option(help: ArgumentHelp("Connections that say nothing.", valueName: "n"))
    var idle = 1000

    @Option(help: ArgumentHelp("Connections that produce.", valueName: "n"))
    var active = 100

    @Option(
        help: ArgumentHelp("Records a second of each of those.", valueName: "n"),
        transform: BenchProducerArguments.rate)
    var rate: Double = 1

    @Option(help: "all: acknowledged when on stable storage; 1: when written; 0: never.")
    var acks = ProducerArguments.Acks.all

    @OptionGroup var amount: BenchAmountArguments
    @OptionGroup var payload: BenchPayloadArguments
    @OptionGroup var broker: BenchBrokerArguments
    @OptionGroup var output: BenchOutputArguments

    func validate() throws {
        guard (0...BenchConnections.most).contains(idle) else {
            throw ValidationError("--idle takes 0 to \(BenchConnections.most.grouped)")
        }
        try BenchConnections.check(active, "--active")
        if acks == .none { throw ValidationError("--acks 0 has no answers to time: give all or 1") }
    }

    /// What opening them came to.
    private struct Opened: Sendable {
        var seconds: Double
        var residentBefore: Int64?
        var residentAfter: Int64?
        var lost: Int
    }

    func measure() async throws -> BenchReport {
        OpenFileLimit.raise()
        let room = OpenFileLimit.current - 100
        guard idle + active <= room else {
            throw Failure(
                "the system lets a process have \(room.grouped) connections: raise 'ulimit -n', or give fewer by --idle"
            )
        }
        let payloads = try payload.makePayloads()
        return try await BenchBroker.with(broker, settings: BenchConnections.settings(idle + active)) { bench in
            try await bench.withTopic(broker) { target in
                var load = ProduceLoad(target, payloads, amount.amount)
                load.connections = active
                load.rate = rate * Double(active)
                load.settings.acks = acks == .all ? -1 : 1
                load.settings.linger = 0
                let (ready, start) = (load, BenchCosts.start(bench.process))
                let (idle, process) = (idle, bench.process)
                let (tally, opened) = try await BenchThread.run("Producing") {
                    (watch) throws(LoadError) -> (LoadTally, Opened) in
                    var opened = Opened(seconds: 0, lost: 0)
                    func resident() -> Int64? { process.flatMap(ProcessReading.init(of:))?.residentBytes }
                    let connections = IdleConnections()
                    opened.residentBefore = resident()
                    let began = LoadClock.now
                    try connections.open(idle, to: Array(Set(target.partitions.map(\.leader)))) { _ in
                        !Interruption.hasCome
                    }
                    opened.seconds = Double(LoadClock.now - began) / Double(LoadClock.second)
                    opened.residentAfter = resident()
                    let tally = try ready.run(watch)
                    opened.lost = connections.lostCount
                    return (tally, opened)
                }
                return report(bench, load, tally, opened, BenchCosts(since: start))
            }
        }
    }

    private func report(
        _ bench: BenchBroker, _ load: ProduceLoad, _ tally: LoadTally, _ opened: Opened, _ costs: BenchCosts
    ) -> BenchReport {
        var report = BenchReport(
            "connections",
            setting: "\(idle.counted("idle connection")), \(active.counted("producer")) of \(BenchPlot.short(rate)) "
                + "record/s each, \(load.target.partitions.count.counted("partition")), acks=\(acks.rawValue)")
        report.parameters =
            bench.parameters(load.target) + [
                ("idle", .init(idle)), ("active", .init(active)), ("rateEach", .decimal(rate.rounded(toPlaces: 3))),
                ("acks", .text(acks.rawValue)), ("warmupSeconds", .decimal(load.amount.warmup.rounded(toPlaces: 3))),
            ]
        let perSecond = Double(idle) / max(opened.seconds, 1e-6)
        report.add(
            "Connecting",
            (
                "connectSeconds", "\(opened.seconds.rounded(toPlaces: 2)) s for \(idle.grouped)",
                .decimal(opened.seconds.rounded(toPlaces: 4))
            ), ("connectionsPerSecond", "\(Int(perSecond).grouped)/s", .decimal(perSecond.rounded(toPlaces: 1))))
        let each = opened.residentBefore.flatMap { before in
            opened.residentAfter.map { Double($0 - before) / Double(max(idle, 1)) }
        }
        report.add(
            "Memory of one",
            (
                "bytesPerIdleConnection", each.map { "\(BinarySize.text(Int64($0))) of the broker's process" },
                each.map { .decimal($0.rounded(toPlaces: 1)) } ?? .none
            ))
        report.add("Lost", ("lostConnections", opened.lost > 0 ? opened.lost.grouped : nil, .init(opened.lost)))
        report.add(tally, after: load.amount.warmup)
        report.add(costs, records: 0, bytes: 0)
        report.add(latency: "acknowledged", "from due until acknowledged", tally.latency)
        report.add(flow: "produced", "produced, records", tally.timeline)
        if opened.lost > 0 {
            report.notes.append(
                "The broker closed \(opened.lost.counted("idle connection")): is connections.max.idle.ms shorter than the run?"
            )
        }
        return report
    }
}
