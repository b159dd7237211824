import EventLog

/// From an offset to a place in a file, by the mapped index of a sealed segment.
struct LookupBenchmark {
    private let scale: Scale
    init(_ scale: Scale) { self.scale = scale }

    func run() throws -> [Measurement] {
        let log = try EventLog.open(at: try scale.newDirectory("lookup"))
        let settings = try TopicSettings([
            "flush.messages": "1000000000", "compression.type": "producer", "segment.bytes": "\(64 << 20)",
        ])
        let partition = try log.createTopic("t", settings: settings).partitions[0]
        let records = Telemetry.records(100)
        for _ in 0..<scale.amount(10_000) { try partition.append(contentsOf: records) }
        let end = UInt64(partition.end.value)
        var state: UInt64 = 1
        var sum = 0
        let count = scale.amount(5_000_000)
        func lookUp() throws -> Double {
            let start = ContinuousClock.now
            for _ in 0..<count {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                sum &+= try partition.indexedPosition(of: Offset(Int64((state >> 33) % end))).position
            }
            return (ContinuousClock.now - start) / .nanoseconds(1) / Double(count)
        }
        _ = try lookUp()
        let times = try repeated(scale.runs) { try lookUp() }
        try log.close()
        precondition(sum != 0 || scale.isSmoke, "lookups found nothing")
        return [
            Measurement(
                name: "offset to file position, warm", unit: "ns", runs: times, target: "<= 100 ns")
        ]
    }
}
