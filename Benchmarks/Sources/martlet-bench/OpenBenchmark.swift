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
        let firsts = try repeated(scale.runs) {
            let empty = try scale.newDirectory("empty")
            return try seconds { () throws(LogError) in try EventLog.open(at: empty).close() }
        }
        let times = try repeated(scale.runs) {
            var log: EventLog?
            let time = try seconds { () throws(LogError) in log = try EventLog.open(at: path) }
            try log?.close()
            return time
        }
        return [
            Measurement(
                name: "open, clean, \(partitions) partitions", unit: "ms", runs: times.scaled(by: 1000),
                target: "< 1000 ms"),
            Measurement(
                name: "open and close, new directory", unit: "ms", runs: firsts.scaled(by: 1000),
                target: "< 100 ms"),
        ]
    }
}
