import EventLog
import Yardstick

/// Durable appends of one record each: by one caller, beside fdatasync alone, and by many at once, which share a write.
struct DurableBenchmark {
    private let scale: Scale
    init(_ scale: Scale) { self.scale = scale }

    private var time: Double { scale.isSmoke ? 0.1 : 2 }

    func run() throws -> [Measurement] {
        [try alone(), try together(16, target: ">= 100,000/s"), try together(256, target: ">= 1,000,000/s")]
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

    private func medianOfOne() throws -> Double {
        let (log, partition) = try open()
        let record = Telemetry.records(1)[0]
        var times: [Double] = []
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(time) {
            times.append(try seconds { () throws(LogError) in try partition.append(record) })
        }
        try log.close()
        return times.median
    }

    private func together(_ callers: Int, target: String) throws -> Measurement {
        let record = Telemetry.records(1)[0]
        let rates = try repeated(scale.runs) {
            let (log, partition) = try open()
            let rate = Callers.rate(of: callers, for: .seconds(time)) { _ in try await partition.append(record) }
            try log.close()
            return rate
        }
        return Measurement(
            name: "durable appends, \(callers) callers", unit: "records/s", runs: rates, target: target)
    }

    /// With a journal that is as large as it would grow, as the yardstick's file is.
    private func open() throws -> (EventLog, Partition) {
        var options = EventLogOptions()
        options.journalBytesInitial = options.journalBytesMax
        let log = try EventLog.open(at: try scale.newDirectory("durable"), options: options)
        return (log, try log.createTopic("t").partitions[0])
    }
}
