import EventLog
import Yardstick

/// From an offset to a place in a file, by the mapped index of a sealed segment.
struct LookupBenchmark {
    private let scale: Scale
    init(_ scale: Scale) { self.scale = scale }

    func run() throws -> [Measurement] {
        let path = try scale.newDirectory("lookup")
        let new = try EventLog.open(at: path)
        let settings = try TopicSettings([
            "flush.messages": "1000000000", "compression.type": "producer",
            "segment.bytes": "\(scale.amount(64 << 20))",
        ])
        let topic = try new.createTopic("t", settings: settings)
        let records = Telemetry.records(100)
        for _ in 0..<scale.amount(10_000) { try topic.partitions[0].append(contentsOf: records) }
        // So that the index files of all ended segments are there for C.
        try new.close()
        let log = try EventLog.open(at: path)
        guard let partition = log.topic("t")?.partitions[0] else { preconditionFailure("the topic is gone") }
        var indexes = yardstick_indexes()
        precondition(yardstick_map_indexes("\(path)/t-0", &indexes), "the index files cannot be read")
        defer { yardstick_unmap_indexes(&indexes) }

        let (ours, theirs) = try measure(partition, &indexes)
        try log.close()
        return [
            Measurement(
                name: "offset to file position, warm", unit: "ns", runs: ours, yardsticks: theirs, target: "<= 100 ns")
        ]
    }

    /// The same offsets for both, of segments that have ended.
    private func measure(
        _ partition: Partition, _ indexes: inout yardstick_indexes
    ) throws -> (ours: [Double], theirs: [Double]) {
        let (end, count) = (UInt64(indexes.end), scale.amount(5_000_000))
        func nanoseconds(_ lookUp: (Int64) throws -> Int) rethrows -> (time: Double, sum: Int) {
            var (state, sum) = (UInt64(1), 0)
            let start = ContinuousClock.now
            for _ in 0..<count {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                sum &+= try lookUp(Int64((state >> 33) % end))
            }
            return ((ContinuousClock.now - start) / .nanoseconds(1) / Double(count), sum)
        }
        var (ours, theirs): ([Double], [Double]) = ([], [])
        // The first is to warm up.
        for run in 0...scale.runs {
            let own = try nanoseconds { try partition.indexedPosition(of: Offset($0)).position }
            let inC = nanoseconds { Int(yardstick_look_up(&indexes, $0)) }
            precondition(own.sum == inC.sum, "look-ups found \(own.sum), those in C \(inC.sum)")
            guard run > 0 else { continue }
            ours.append(own.time)
            theirs.append(inC.time)
        }
        return (ours, theirs)
    }
}
