import Foundation
import Yardstick

/// Offset commits over many connections, each acknowledged when it is on disk.
struct CommitBenchmark {
    private let scale: Scale
    init(_ scale: Scale) { self.scale = scale }

    /// How the commits come.
    private struct Pattern {
        let name: String
        var connections = 100
        /// 1: each connection is a member of a group of its own.
        var groups = 100
        var partitionsARequest: Int32 = 1
        var requestsInFlight = 1
    }

    private struct Result {
        var commitsPerSecond: Double
        var latencies: [Double]
        var processorTime: Double
    }

    func run() throws -> [Measurement] {
        let count = scale.isSmoke ? 10 : 100
        var patterns = [
            Pattern(name: "one at a time"),
            Pattern(name: "8 in flight", requestsInFlight: 8),
            Pattern(name: "10 partitions each", partitionsARequest: 10),
            Pattern(name: "of one group", groups: 1),
        ]
        for place in patterns.indices {
            patterns[place].connections = count
            patterns[place].groups = min(patterns[place].groups, count)
        }
        return try patterns.flatMap(measure)
    }

    private func measure(_ pattern: Pattern) throws -> [Measurement] {
        var results: [Result] = []
        var ceilings: [Double] = []
        for _ in 0..<(scale.isSmoke ? 1 : 3) {
            ceilings.append(ceiling(of: pattern))
            results.append(try commit(pattern))
        }
        results.sort { $0.commitsPerSecond < $1.commitsPerSecond }
        let result = results[results.count / 2]
        let name = "commits, \(pattern.connections) connections, \(pattern.name)"
        func latency(_ part: Double) -> Double { result.latencies[Int(Double(result.latencies.count - 1) * part)] }
        return [
            Measurement(
                name: name, unit: "commits/s", value: result.commitsPerSecond,
                yardstick: ceilings.sorted()[ceilings.count / 2], target: ">= 50000"),
            Measurement(name: "  latency, median", unit: "ms", value: latency(0.5) * 1000, yardstick: nil, target: ""),
            Measurement(
                name: "  latency, 99 of 100", unit: "ms", value: latency(0.99) * 1000, yardstick: nil, target: ""),
            Measurement(
                name: "  broker's processor time", unit: "s/million", value: result.processorTime * 1e6, yardstick: nil,
                target: ""),
        ]
    }

    /// What the disk would allow if nothing but it took time: each round takes a commit of every connection at once, and
    /// writes as many bytes to as many files.
    private func ceiling(of pattern: Pattern) -> Double {
        let commits = pattern.connections * pattern.requestsInFlight * Int(pattern.partitionsARequest)
        let files = min(pattern.groups, 50)
        let bytes = commits * Self.bytesACommit / files
        var (elapsed, median) = (0.0, 0.0)
        let rounds = yardstick_rounds(
            scale.directory, Int32(files), bytes, scale.isSmoke ? 0.1 : 2, &elapsed, &median)
        return Double(rounds) / elapsed * Double(commits)
    }

    /// About what a commit takes in the log, its part of a batch's header included.
    private static let bytesACommit = 200

    private func commit(_ pattern: Pattern) throws -> Result {
        let broker = try BrokerProcess(
            scale.martlet, data: try scale.newDirectory("broker-commits"),
            settings: ["group.initial.rebalance.delay.ms": "0"])
        defer { broker.kill() }
        let topic = "telemetry"
        try broker.createTopic(topic, partitions: max(100, pattern.partitionsARequest))
        let committers = try makeCommitters(pattern, broker, topic)
        let poller = WirePoller()
        for (number, committer) in committers.enumerated() { poller.add(committer.connection, number: number) }

        func run(until end: ContinuousClock.Instant) throws {
            for committer in committers { try committer.start() }
            var now = ContinuousClock.now
            while now < end {
                try poller.wait(until: end) { try committers[$0].receive() }
                now = .now
            }
            // What is under way is waited for, so that nothing of one part is counted in the next.
            for committer in committers { try committer.drain() }
        }
        try run(until: .now + .seconds(scale.isSmoke ? 0.1 : 1))
        for committer in committers { committer.latencies.removeAll(keepingCapacity: true) }
        let (start, processorTime) = (ContinuousClock.now, broker.processorTime)
        try run(until: .now + .seconds(scale.isSmoke ? 0.3 : 5))
        let elapsed = (ContinuousClock.now - start) / .seconds(1)
        let latencies = committers.flatMap(\.latencies).sorted()
        let commits = Double(latencies.count) * Double(pattern.partitionsARequest)
        let used = broker.processorTime - processorTime
        for committer in committers { try committer.check() }
        return Result(commitsPerSecond: commits / elapsed, latencies: latencies, processorTime: used / commits)
    }

    private func makeCommitters(_ pattern: Pattern, _ broker: BrokerProcess, _ topic: String) throws -> [Committer] {
        let connections = try (0..<pattern.connections).map { _ in try WireConnection(to: broker.address) }
        var members: [(group: String, generation: Int32, member: String)] = []
        if pattern.groups == 1 {
            let rebalance = Rebalance(group: "fleet", topic: topic, partitions: 100, address: broker.address)
            members = try rebalance.form(connections.count).map { ("fleet", $0.generation, $0.id) }
        } else {
            for (number, connection) in connections.enumerated() {
                let answer = try connection.joinAlone("fleet-\(number)", topic: topic)
                members.append(("fleet-\(number)", answer.generation, answer.member))
            }
        }
        return zip(connections, members).enumerated().map { number, pair in
            let partitions = pattern.partitionsARequest
            let first = Int32(number) % (100 - partitions + 1)
            return Committer(
                pair.0, requestsInFlight: pattern.requestsInFlight, group: pair.1.group, generation: pair.1.generation,
                member: pair.1.member, topic: topic, partitions: first..<(first + partitions))
        }
    }
}

/// A connection that commits again as soon as it has an answer.
private final class Committer {
    let connection: WireConnection
    /// Seconds from a request until its answer.
    var latencies: [Double] = []

    private let requestsInFlight: Int
    private let group: String
    private let topic: String
    private let partitions: Range<Int32>
    private var frame: [UInt8]
    private let offsetPositions: [Int]
    private var offset: Int64 = 0
    /// When those under way were sent, oldest first: a ring, since answers come in order.
    private var sendTimes: [ContinuousClock.Instant]
    private var sent = 0
    private var answered = 0
    private var isStopping = false

    init(
        _ connection: WireConnection, requestsInFlight: Int, group: String, generation: Int32, member: String,
        topic: String, partitions: Range<Int32>
    ) {
        self.connection = connection
        self.requestsInFlight = requestsInFlight
        self.group = group
        self.topic = topic
        self.partitions = partitions
        frame =
            WireRequest.commit(
                group, generation: generation, member: member, topic: topic, partitions: partitions, offset: 0
            ).frame
        // A partition: index, offset, leader epoch, and a text without bytes.
        let size = 4 + 8 + 4 + 2
        offsetPositions = (1...partitions.count).map { [count = frame.count] in count - $0 * size + 4 }
        sendTimes = Array(repeating: .now, count: requestsInFlight)
    }

    func start() throws {
        isStopping = false
        try send(requestsInFlight)
    }

    func receive() throws {
        let before = answered
        try connection.receive(take)
        if !isStopping { try send(answered - before) }
    }

    func drain() throws {
        isStopping = true
        while answered < sent { try connection.receive(waiting: true, take) }
    }

    private func send(_ count: Int) throws {
        guard count > 0 else { return }
        var frames: [UInt8] = []
        let now = ContinuousClock.now
        for _ in 0..<count {
            offset += 1
            frame.withUnsafeMutableBytes { frame in
                frame.storeBytes(
                    of: Int32(truncatingIfNeeded: sent).bigEndian, toByteOffset: WireRequest.correlationIDPosition,
                    as: Int32.self)
                for position in offsetPositions {
                    frame.storeBytes(of: offset.bigEndian, toByteOffset: position, as: Int64.self)
                }
            }
            sendTimes[sent % requestsInFlight] = now
            sent += 1
            if count > 1 { frames += frame }
        }
        try connection.send(count > 1 ? frames : frame)
    }

    private func take(_ answer: UnsafeRawBufferPointer) throws {
        let correlationID = Int32(bigEndian: answer.loadUnaligned(as: Int32.self))
        precondition(correlationID == Int32(truncatingIfNeeded: answered), "an answer came out of order")
        latencies.append((.now - sendTimes[answered % requestsInFlight]) / .seconds(1))
        answered += 1
        // The error code of the last partition ends the answer; those of one commit are the same.
        let code = Int16(bigEndian: answer.loadUnaligned(fromByteOffset: answer.count - 2, as: Int16.self))
        guard code == GroupErrorCode.none else { throw WireError.refused("a commit", code) }
    }

    /// The offsets that were acknowledged last are what the broker has.
    func check() throws {
        let offsets = try connection.call(
            .fetchOffsets(group, topic: topic, partitions: partitions), [Int64].init(fetched:))
        precondition(
            offsets == partitions.map { _ in offset }, "\(group) has \(offsets) where \(offset) was acknowledged")
    }
}

extension [Int64] {
    /// The offsets in an answer to OffsetFetch.
    init(fetched answer: inout WireReader) {
        _ = answer.integer(Int32.self)
        self = answer.array { topic -> [Int64] in
            _ = topic.string()
            return topic.array { partition in
                _ = partition.integer(Int32.self)
                let offset = partition.integer(Int64.self)
                _ = partition.integer(Int32.self)
                _ = partition.string()
                _ = partition.integer(Int16.self)
                return offset
            }
        }.flatMap { $0 }
    }
}
