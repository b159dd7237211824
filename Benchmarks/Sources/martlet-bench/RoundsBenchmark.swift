import EventLog
import Yardstick

/// Durable rounds over many partitions: each round appends to all of them and returns when it is on disk.
struct RoundsBenchmark {
    private let scale: Scale
    init(_ scale: Scale) { self.scale = scale }

    func run() throws -> [Measurement] {
        var measurements: [Measurement] = []
        for (partitions, bytes) in [(1, 4096), (1, 65536), (10, 4096), (10, 65536), (100, 4096), (1000, 1024)] {
            measurements += try measure(partitions, bytes)
        }
        return measurements
    }

    /// Rounds a second, and of those whose bytes a second, or time, have a target of their own, these.
    private func measure(_ partitions: Int, _ bytes: Int) throws -> [Measurement] {
        let time = scale.isSmoke ? 0.1 : 2.0
        // In turn, so that a disturbance meets both.
        var ours: [Rounds] = []
        var theirs: [Rounds] = []
        for _ in 0..<scale.runs {
            theirs.append(yardstick(partitions, bytes, time))
            ours.append(try martlet(partitions, bytes, time))
        }
        let rates = Measurement(
            name: "durable rounds, \(partitions) × \(bytes) B", unit: "rounds/s", runs: ours.map(\.rate),
            yardsticks: theirs.map(\.rate), target: ">= 85 % of C")
        guard let target = Self.throughputs[partitions * bytes] else { return [rates] }
        let megabytes = Double(partitions * bytes) / 1e6
        return [
            rates,
            Measurement(
                name: "  bytes of \(partitions) × \(bytes) B", unit: "MB/s", runs: ours.map { $0.rate * megabytes },
                yardsticks: theirs.map { $0.rate * megabytes }, target: target),
            Measurement(
                name: "  median of \(partitions) × \(bytes) B", unit: "ms", runs: ours.map(\.median),
                yardsticks: theirs.map(\.median), target: partitions == 1000 ? "<= 4 ms" : ""),
        ]
    }

    /// By the bytes of a round.
    private static let throughputs = [1000 * 1024: ">= 250 MB/s", 10 * 65536: ">= 1200 MB/s"]

    private struct Rounds {
        /// A second.
        let rate: Double
        /// Of the milliseconds that each took.
        let median: Double
    }

    private func yardstick(_ partitions: Int, _ bytes: Int, _ time: Double) -> Rounds {
        var elapsed = 0.0
        var median = 0.0
        let rounds = yardstick_rounds(scale.directory, Int32(partitions), bytes, time, &elapsed, &median)
        return Rounds(rate: Double(rounds) / elapsed, median: median * 1000)
    }

    private func martlet(_ partitions: Int, _ bytes: Int, _ time: Double) throws -> Rounds {
        // As large from the start as it would grow: the yardstick's journal is filled before its clock starts, too.
        var options = EventLogOptions()
        options.journalBytesInitial = options.journalBytesMax
        let log = try EventLog.open(at: try scale.newDirectory("rounds"), options: options)
        let topic = try log.createTopic(
            "t", partitions: partitions, settings: TopicSettings(["compression.type": "producer"]))
        let record = try record(inABatchOf: bytes)
        let appends = topic.partitions.map { PartitionAppend(to: $0, [record]) }
        for _ in 0..<3 { _ = try log.append(appends) }
        var times: [Double] = []
        let start = ContinuousClock.now
        var last = start
        while last - start < .seconds(time) {
            _ = try log.append(appends)
            let now = ContinuousClock.now
            times.append((now - last) / .milliseconds(1))
            last = now
        }
        try log.close()
        return Rounds(rate: Double(times.count) / ((last - start) / .seconds(1)), median: times.median)
    }

    /// So that both write the same bytes to each file: a batch of one record that takes `bytes`, its header included.
    private func record(inABatchOf bytes: Int) throws -> Record {
        var builder = RecordBatchBuilder(compression: .none)
        for count in (0..<bytes).reversed() {
            let record = Record(key: nil, value: [UInt8](repeating: 7, count: count))
            builder.reset()
            builder.append(record, defaultTimestamp: .none)
            if builder.estimatedByteCount == bytes { return record }
        }
        throw LogError.batchTooLarge(bytes: bytes, limit: 0)
    }
}
