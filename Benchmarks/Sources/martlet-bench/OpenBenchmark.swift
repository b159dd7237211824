import EventLog

/// How long a clean directory of many partitions takes to open.
struct OpenBenchmark {
    private let scale: Scale
    init(_ scale: Scale) { self.scale = scale }

    func run() throws -> [Measurement] {
        let path = try scale.newDirectory("open")
        let partitions = scale.amount(1000)
        let log = try EventLog.open(at: path)
        let topic = try log.createTopic("t", partitions: partitions)
        let records = Telemetry.records(200)
        _ = try log.append(topic.partitions.map { PartitionAppend(to: $0, records) })
        try log.close()
        let empty = try scale.newDirectory("empty")
        let first = try seconds { () throws(LogError) in try EventLog.open(at: empty).close() }
        let time = try median(of: scale.runs) {
            var log: EventLog?
            let time = try seconds { () throws(LogError) in log = try EventLog.open(at: path) }
            try log?.close()
            return time
        }
        return [
            Measurement(
                name: "open, clean, \(partitions) partitions", unit: "ms", value: time * 1000, yardstick: nil,
                target: "< 1000 ms"),
            Measurement(
                name: "open and close, new directory", unit: "ms", value: first * 1000, yardstick: nil,
                target: "< 100 ms"),
        ]
    }
}
