import EventLog
import Yardstick

/// Durable appends of one record each: by one caller, beside fdatasync alone, and by many at once, which share a write.
struct DurableBenchmark {
    private let scale: Scale
    init(_ scale: Scale) { self.scale = scale }

    private var time: Double { scale.isSmoke ? 0.1 : 2 }

    func run() throws -> [Measurement] {
        [
            try alone(), try besideLoad(), try together(16, target: ">= 100,000/s"),
            try together(256, target: ">= 1,000,000/s"),
        ]
    }

    private func alone() throws -> Measurement {
        var (ours, theirs): ([Double], [Double]) = ([], [])
        for _ in 0..<scale.runs {
            theirs.append(yardstick_fdatasync(scale.directory, 4096, time))
            ours.append(try medianOfOne())
        }
        return Measurement(
            name: "a durable append, median; C: fdatasync", unit: "µs", runs: ours.scaled(by: 1e6),
            yardsticks: theirs.scaled(by: 1e6), target: "<= 130 % of C")
    }

    private func medianOfOne() throws -> Double { try appendTimes().median }

    /// How long a caller waits now and then while both processors are busy: on a machine that is one of several on its host,
    /// that is up to the host.
    private func besideLoad() throws -> Measurement {
        var (ours, theirs): ([Double], [Double]) = ([], [])
        for _ in 0..<scale.runs {
            let load = BusyThreads(2)
            defer { load.stop() }
            theirs.append(try writeTimes().percentile(99))
            ours.append(try appendTimes().percentile(99))
        }
        return Measurement(
            name: "the same, 2 busy threads, 99 of 100; C: a write", unit: "µs", runs: ours.scaled(by: 1e6),
            yardsticks: theirs.scaled(by: 1e6), target: "")
    }

    private func appendTimes() throws -> [Double] {
        let (log, partition) = try open()
        let record = Telemetry.records(1)[0]
        let times = try timesOfCalls { () throws(LogError) in try partition.append(record) }
        try log.close()
        return times
    }

    private func writeTimes() throws -> [Double] {
        let journal = try DurableWrites(directory: scale.directory, byteCount: 4096)
        defer { journal.close() }
        return timesOfCalls { journal.write() }
    }

    private func timesOfCalls<E: Error>(_ body: () throws(E) -> Void) throws(E) -> [Double] {
        var times: [Double] = []
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(time) { times.append(try seconds(body)) }
        return times
    }

    private func together(_ callers: Int, target: String) throws -> Measurement {
        var (ours, theirs): ([Double], [Double]) = ([], [])
        for _ in 0..<scale.runs {
            theirs.append(try bare(callers))
            ours.append(try rate(of: callers))
        }
        return Measurement(
            name: "durable appends, \(callers) callers; C: no log", unit: "records/s", runs: ours,
            yardsticks: theirs, target: target)
    }

    private func rate(of callers: Int) throws -> Double {
        let record = Telemetry.records(1)[0]
        let (log, partition) = try open()
        let rate = Callers.rate(of: callers, for: .seconds(time)) { _ in try await partition.append(record) }
        try log.close()
        return rate
    }

    private func bare(_ callers: Int) throws -> Double {
        let rounds = try BareRounds(directory: scale.directory, callers: callers, recordBytes: 100)
        defer { rounds.close() }
        return Callers.rate(of: callers, for: .seconds(time)) { _ in await rounds.wait() }
    }

    /// With a journal that is as large as it would grow, as the yardstick's file is.
    private func open() throws -> (EventLog, Partition) {
        var options = EventLogOptions()
        options.journalBytesInitial = options.journalBytesMax
        let log = try EventLog.open(at: try scale.newDirectory("durable"), options: options)
        return (log, try log.createTopic("t").partitions[0])
    }
}
