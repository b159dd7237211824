import EventLog
import Yardstick

/// Durable rounds over many partitions: each round appends to all of them and returns when it is on disk.
struct RoundsBenchmark {
    private let scale: Scale
    init(_ scale: Scale) { self.scale = scale }

    func run() throws -> [Measurement] {
        var measurements: [Measurement] = []
        for (partitions, bytes) in [(1, 4096), (1, 65536), (10, 4096), (10, 65536), (100, 4096), (1000, 1024)] {
            measurements.append(try measure(partitions, bytes))
        }
        return measurements
    }

    private func measure(_ partitions: Int, _ bytes: Int) throws -> Measurement {
        let time = scale.isSmoke ? 0.1 : 2.0
        // In turn, so that a disturbance meets both.
        var ours: [Double] = []
        var theirs: [Double] = []
        for _ in 0..<scale.runs {
            theirs.append(yardstick(partitions, bytes, time))
            ours.append(try martlet(partitions, bytes, time))
        }
        return Measurement(
            name: "durable rounds, \(partitions) × \(bytes) B", unit: "rounds/s", runs: ours, yardsticks: theirs,
            target: ">= 85 % of C")
    }

    private func yardstick(_ partitions: Int, _ bytes: Int, _ time: Double) -> Double {
        var elapsed = 0.0
        var median = 0.0
        let rounds = yardstick_rounds(scale.directory, Int32(partitions), bytes, time, &elapsed, &median)
        return Double(rounds) / elapsed
    }

    private func martlet(_ partitions: Int, _ bytes: Int, _ time: Double) throws -> Double {
        // As large from the start as it would grow: the yardstick's journal is filled before its clock starts, too.
        var options = EventLogOptions()
        options.journalBytesInitial = options.journalBytesMax
        let log = try EventLog.open(at: try scale.newDirectory("rounds"), options: options)
        let topic = try log.createTopic(
            "t", partitions: partitions, settings: TopicSettings(["compression.type": "producer"]))
        let record = try record(inABatchOf: bytes)
        let appends = topic.partitions.map { PartitionAppend(to: $0, [record]) }
        for _ in 0..<3 { _ = try log.append(appends) }
        var rounds = 0
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(time) {
            _ = try log.append(appends)
            rounds += 1
        }
        let elapsed = (ContinuousClock.now - start) / .seconds(1)
        try log.close()
        return Double(rounds) / elapsed
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
