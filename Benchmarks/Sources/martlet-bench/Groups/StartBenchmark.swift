import Foundation

/// How long a broker takes to start that has many groups to load, by the real binary: from its
/// start until it answers.
struct StartBenchmark {
    private let scale: Scale
    init(_ scale: Scale) { self.scale = scale }

    private var groups: Int { scale.isSmoke ? 20 : 2000 }
    private let partitions: Int32 = 50
    /// How often each offset is committed: what lies in the log is as many times what has to be known.
    private var rounds: Int64 { scale.isSmoke ? 2 : 10 }

    func run() throws -> [Measurement] {
        let path = try scale.newDirectory("start")
        let broker = try start(path)
        try broker.createTopic("telemetry", partitions: partitions)
        try fill(broker)
        broker.kill()
        let killed = try starts(path) { $0.kill() }
        try start(path).stop()
        let stopped = try starts(path) { $0.stop() }
        let empty = try start(try scale.newDirectory("no-groups"))
        empty.kill()
        func measurement(_ what: String, _ times: [Double], target: String) -> Measurement {
            Measurement(name: what, unit: "ms", value: (times.max() ?? 0) * 1000, yardstick: nil, target: target)
        }
        return [
            measurement("start, \(groups) groups, after kill -9 (worst)", killed, target: "< 1000 ms"),
            measurement("start, \(groups) groups, after a stop (worst)", stopped, target: "< 1000 ms"),
            measurement("  start on an empty directory", [empty.startUp], target: ""),
        ]
    }

    /// Several starts, after each of which the broker ends as given.
    private func starts(_ path: String, end: (BrokerProcess) -> Void) throws -> [Double] {
        try (0..<(scale.isSmoke ? 1 : 5)).map { _ in
            let broker = try start(path)
            try check(broker)
            end(broker)
            return broker.startUp
        }
    }

    private func start(_ path: String) throws -> BrokerProcess {
        try BrokerProcess(scale.martlet, data: path, settings: ["group.initial.rebalance.delay.ms": "0"])
    }

    private func name(_ group: Int) -> String { "group-\(group)" }

    /// Each group gets a member, and offsets of every partition.
    private func fill(_ broker: BrokerProcess) throws {
        let connection = try WireConnection(to: broker.address)
        let members = try (0..<groups).map { try connection.joinAlone(name($0), topic: "telemetry") }
        for round in 1...rounds {
            for start in stride(from: 0, to: groups, by: 100) {
                try commit(round, by: members, start..<min(start + 100, groups), connection)
            }
        }
    }

    private func commit(
        _ offset: Int64, by members: [JoinAnswer], _ range: Range<Int>, _ connection: WireConnection
    ) throws {
        var frames: [UInt8] = []
        for group in range {
            frames +=
                WireRequest.commit(
                    name(group), generation: members[group].generation, member: members[group].member,
                    topic: "telemetry", partitions: 0..<partitions, offset: offset
                ).frame
        }
        try connection.send(frames)
        var answered = 0
        while answered < range.count {
            try connection.receive(waiting: true) { answer in
                let code = Int16(bigEndian: answer.loadUnaligned(fromByteOffset: answer.count - 2, as: Int16.self))
                guard code == GroupErrorCode.none else { throw WireError.refused("a commit", code) }
                answered += 1
            }
        }
    }

    /// Every offset is there.
    private func check(_ broker: BrokerProcess) throws {
        let connection = try WireConnection(to: broker.address)
        for group in 0..<groups {
            let request = WireRequest.fetchOffsets(name(group), topic: "telemetry", partitions: 0..<partitions)
            let offsets = try connection.call(request, [Int64].init(fetched:))
            precondition(
                offsets == Array(repeating: rounds, count: Int(partitions)), "\(name(group)) has lost offsets")
        }
    }
}
