/// How long a large group takes until all its members have their partitions again.
struct RebalanceBenchmark {
    private let scale: Scale
    init(_ scale: Scale) { self.scale = scale }

    private var members: Int { scale.isSmoke ? 10 : 500 }
    private var partitions: Int32 { scale.isSmoke ? 20 : 1000 }
    private var changes: Int { scale.isSmoke ? 1 : 5 }

    func run() throws -> [Measurement] {
        let broker = try BrokerProcess(
            scale.martlet, data: try scale.newDirectory("rebalance"),
            settings: ["group.initial.rebalance.delay.ms": "0"])
        defer { broker.kill() }
        try broker.createTopic("telemetry", partitions: partitions)
        let measurements = try classic(broker)
        guard broker.offers(.consumerGroupHeartbeat) else { return measurements }
        return try measurements + consumer(broker)
    }

    private func classic(_ broker: BrokerProcess) throws -> [Measurement] {
        let group = Rebalance(
            group: "classic", topic: "telemetry", partitions: partitions, address: broker.address)
        let forming = try seconds { try group.form(members) }
        // One comes, one goes: it is as large each time.
        var (joining, leaving): ([Double], [Double]) = ([], [])
        let before = broker.processorTime
        for _ in 0..<changes {
            joining.append(try group.addOne())
            leaving.append(try group.removeOne())
        }
        let used = (broker.processorTime - before) / Double(2 * changes)
        return measurements("classic", forming, joining, leaving, used)
    }

    private func consumer(_ broker: BrokerProcess) throws -> [Measurement] {
        let group = ConsumerRebalance(
            group: "consumer", topic: "telemetry", partitions: partitions, address: broker.address)
        let forming = try seconds { try group.form(members) }
        var (joining, leaving): ([Double], [Double]) = ([], [])
        let before = broker.processorTime
        for _ in 0..<changes {
            joining.append(try group.addOne())
            leaving.append(try group.removeOne())
        }
        let used = (broker.processorTime - before) / Double(2 * changes)
        return measurements("consumer", forming, joining, leaving, used)
    }

    /// Of several changes the worst, since each is one that users wait for.
    private func measurements(
        _ kind: String, _ forming: Double, _ joining: [Double], _ leaving: [Double], _ processorTime: Double
    ) -> [Measurement] {
        func measurement(_ what: String, _ seconds: Double, target: String) -> Measurement {
            Measurement(name: what, unit: "ms", value: seconds * 1000, yardstick: nil, target: target)
        }
        let group = "\(kind) group of \(members)"
        return [
            measurement("\(group), one joins (worst)", joining.max() ?? 0, target: "< 2000 ms"),
            measurement("\(group), one leaves (worst)", leaving.max() ?? 0, target: "< 2000 ms"),
            measurement("  all join at once", forming, target: ""),
            measurement("  broker's processor time, a change", processorTime, target: ""),
        ]
    }
}
