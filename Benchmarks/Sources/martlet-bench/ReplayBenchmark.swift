import EventLog

/// A large log that is replayed from a time: how long the first record takes, which is nowhere near either end.
struct ReplayBenchmark {
    private let scale: Scale
    init(_ scale: Scale) { self.scale = scale }

    func run() throws -> [Measurement] {
        let path = try scale.newDirectory("replay")
        let settings = try TopicSettings(["flush.messages": "1000000000", "compression.type": "producer"])
        var log = try EventLog.open(at: path)
        try fill(try log.createTopic("t", settings: settings).partitions[0], to: scale.amount(10_000_000_000))
        var firsts: [Double] = []
        var bytes = 0
        for run in 0..<scale.runs {
            // Opened anew: no index is in use yet.
            try log.close()
            log = try EventLog.open(at: path)
            guard let partition = log.topic("t")?.partitions[0] else { throw BenchmarkError.didNothing("no topic") }
            bytes = partition.byteCount
            let share = Double(run + 1) / Double(scale.runs + 1)
            let time = Self.time(of: Int(Double(partition.end.value) * share))
            firsts.append(
                try seconds { () throws(LogError) in
                    try partition.scan(from: .timestamp(time)) { record in
                        precondition(record.timestamp >= time, "the replay begins too early")
                        return false
                    }
                })
        }
        try log.close()
        return [
            Measurement(
                name: "replay from a time, \(bytes / 1_000_000) MB log: first record", unit: "ms",
                runs: firsts.scaled(by: 1000), target: "<= 1 ms")
        ]
    }

    /// A record a millisecond.
    private static func time(of record: Int) -> Timestamp {
        Timestamp(milliseconds: 1_700_000_000_000 + Int64(record))
    }

    private func fill(_ partition: Partition, to byteCount: Int) throws {
        let batch = Telemetry.records(1000, byteCount: 1000)
        while partition.byteCount < byteCount {
            let start = Int(partition.end.value)
            let records = batch.indices.map {
                Record(key: batch[$0].key, value: batch[$0].value, timestamp: Self.time(of: start + $0))
            }
            try partition.append(contentsOf: records)
        }
    }
}
