import EventLog
import Foundation
import Yardstick

/// The broker's network side beside C that does no more than it must: an epoll loop that reads requests and writes them to
/// a file, or answers by sendfile. Broker and C have one core and one loop, the load has the other; in turn.
struct NetworkBenchmark {
    private let scale: Scale
    init(_ scale: Scale) { self.scale = scale }

    private static let connections = 10
    private var seconds: Double { scale.isSmoke ? 0.2 : 3 }
    private var runs: Int { scale.isSmoke ? 1 : 5 }

    func run() throws -> [Measurement] {
        try produce() + durable() + small() + compressing() + fetch()
    }

    // MARK: Producing

    private func produce() throws -> [Measurement] {
        let batch = try batch(of: 64 << 10, compression: .lz4)
        let topic = LoadTopic(partitions: Self.connections, settings: Self.notJournaled)
        let requests = topic.requests(Self.connections, batch, acks: 1)
        let size = Double(requests[0].frame.count)
        let loads = try compare(requests, topic, depth: 4, with: [.sink, .store])
        return [
            Measurement(
                name: "produce 64 KiB of LZ4, 10 connections; C: TCP alone", unit: "MB/s",
                runs: loads.map { $0.broker.rate * size / 1e6 },
                yardsticks: loads.map { $0.c[0].rate * size / 1e6 },
                target: ">= 85 %")
        ] + beside(loads, at: 1, size: size, cTarget: "<= 110 %")
    }

    /// Rate and processor time beside one of the servers in C.
    private func beside(_ loads: [Comparison], at place: Int, size: Double, cTarget: String) -> [Measurement] {
        [
            Measurement(
                name: "  beside C that does as much", unit: "MB/s", runs: loads.map { $0.broker.rate * size / 1e6 },
                yardsticks: loads.map { $0.c[place].rate * size / 1e6 }, target: ""),
            Measurement(
                name: "  processor time of the server", unit: "s/GB",
                runs: loads.map { $0.broker.serverTime / size * 1e9 },
                yardsticks: loads.map { $0.c[place].serverTime / size * 1e9 }, target: cTarget),
        ]
    }

    /// Beside durable rounds of as many bytes to as many files in C, which have no clients.
    private func durable() throws -> [Measurement] {
        let batch = try batch(of: 64 << 10, compression: .lz4)
        let topic = LoadTopic(partitions: Self.connections, settings: [:])
        let requests = topic.requests(Self.connections, batch, acks: -1)
        let size = Double(requests[0].frame.count)
        var rounds: [Double] = []
        let loads = try compare(requests, topic, depth: 4, with: [.rounds]) {
            var (elapsed, median) = (0.0, 0.0)
            let count = yardstick_rounds(
                scale.directory, Int32(Self.connections), batch.count, seconds, &elapsed, &median)
            rounds.append(Double(count) / elapsed * Double(Self.connections) * size / 1e6)
        }
        return [
            Measurement(
                name: "the same, acks=all, to 10 partitions; C: rounds", unit: "MB/s",
                runs: loads.map { $0.broker.rate * size / 1e6 }, yardsticks: rounds, target: ">= 85 %")
        ] + beside(loads, at: 0, size: size, cTarget: "")
    }

    private func small() throws -> [Measurement] {
        let connections = 100
        let topic = LoadTopic(partitions: Self.connections, settings: Self.notJournaled)
        // With the request around it, 200 bytes.
        let batch = try batch(Telemetry.records(1, byteCount: 40), compression: .none)
        let requests = topic.requests(connections, batch, acks: 1)
        let loads = try compare(requests, topic, depth: 8, with: [.store])
        return [
            Measurement(
                name: "requests of \(requests[0].frame.count) B, 100 connections", unit: "requests/s",
                runs: loads.map(\.broker.rate), yardsticks: loads.map { $0.c[0].rate }, target: ">= 300,000"),
            Measurement(
                name: "  processor time of the server", unit: "µs", runs: loads.map { $0.broker.serverTime * 1e6 },
                yardsticks: loads.map { $0.c[0].serverTime * 1e6 }, target: "<= 130 %"),
        ]
    }

    /// Batches that come uncompressed to a topic that keeps LZ4, beside LZ4 alone on one core.
    private func compressing() throws -> [Measurement] {
        let batch = try batch(of: 64 << 10, compression: .none)
        var settings = Self.notJournaled
        settings["compression.type"] = "lz4"
        let topic = LoadTopic(partitions: Self.connections, settings: settings)
        let requests = topic.requests(Self.connections, batch, acks: 1)
        let all = Array(repeatElement(batch, count: scale.amount(2000)).joined())
        var alone: [Double] = []
        let loads = try compare(requests, topic, depth: 4, with: [.compress]) {
            alone.append(Double(all.count) / yardstick_lz4_compress(all, all.count, batch.count) / 1e6)
        }
        return [
            Measurement(
                name: "compressed on arrival, 64 KiB; C: LZ4 alone", unit: "MB/s",
                runs: loads.map { $0.broker.rate * Double(batch.count) / 1e6 }, yardsticks: alone, target: ">= 85 %")
        ] + beside(loads, at: 0, size: Double(batch.count), cTarget: "") + [try neighbours(requests, topic)]
    }

    /// How long others wait for the loop that compresses, beside one that stores the same batches as they come.
    private func neighbours(_ requests: [WireRequest], _ topic: LoadTopic) throws -> Measurement {
        var (compressing, storing): ([Double], [Double]) = ([], [])
        for _ in 0..<runs {
            storing.append(
                try neighbour(
                    requests, LoadTopic(partitions: topic.partitions, settings: Self.notJournaled)))
            compressing.append(try neighbour(requests, topic))
        }
        return Measurement(
            name: "  another client, 99 of 100; C: stored as they come", unit: "ms", runs: compressing,
            yardsticks: storing, target: "<= 200 %")
    }

    private func neighbour(_ requests: [WireRequest], _ topic: LoadTopic) throws -> Double {
        let broker = try start(topic)
        defer { broker.kill() }
        try broker.createTopic("neighbour", partitions: 1, settings: Self.notJournaled)
        let neighbour = try Neighbour(
            of: broker.address, topic: "neighbour",
            batch: batch(Telemetry.records(1, byteCount: 40), compression: .none))
        _ = try NetworkLoad(
            requests, to: broker.address.port, server: broker.processID, answer: topic.answer, depth: 1,
            seconds: seconds)
        return try neighbour.stop()
    }

    // MARK: Fetching

    private func fetch() throws -> [Measurement] {
        let topic = LoadTopic(partitions: Self.connections, settings: Self.notJournaled)
        let broker = try start(topic)
        defer { broker.kill() }
        let batch = try batch(of: 64 << 10, compression: .lz4)
        let connection = try WireConnection(to: broker.address)
        for request in topic.requests(Self.connections, batch, acks: 1) {
            for _ in 0..<20 { try ProduceAnswer.check(connection.call(request, ProduceAnswer.codes)) }
        }
        let requests = (0..<Self.connections).map {
            WireRequest.fetch(topic.name, partition: Int32($0), from: 0, maxBytes: 1 << 20)
        }
        let answer = 8 + (try connection.call(requests[0]) { $0.remaining })
        var loads: [(broker: NetworkLoad, c: NetworkLoad)] = []
        for _ in 0..<runs {
            let server = try YardstickServer(.send, answer: answer, directory: scale.directory)
            defer { server.stop() }
            let c = try NetworkLoad(
                requests, to: server.port, server: server.processID, answer: answer, depth: 1, seconds: seconds)
            let ours = try NetworkLoad(
                requests, to: broker.address.port, server: broker.processID, answer: answer, depth: 1, seconds: seconds)
            loads.append((ours, c))
        }
        return [
            Measurement(
                name: "fetch \(answer) B, 10 connections; C: sendfile", unit: "MB/s",
                runs: loads.map { $0.broker.rate * Double(answer) / 1e6 },
                yardsticks: loads.map { $0.c.rate * Double(answer) / 1e6 }, target: ">= 100 %"),
            Measurement(
                name: "  processor time of the server", unit: "s/GB",
                runs: loads.map { $0.broker.serverTime / Double(answer) * 1e9 },
                yardsticks: loads.map { $0.c.serverTime / Double(answer) * 1e9 }, target: "<= 105 %"),
        ]
    }

    // MARK: Loads

    /// A topic that is synced when its segments are full: what it holds is what C's file does.
    private static let notJournaled = [
        "flush.messages": "\(Int64.max)", "segment.bytes": "\(256 << 20)", "retention.bytes": "\(256 << 20)",
        "compression.type": "producer",
    ]

    private typealias Comparison = (broker: NetworkLoad, c: [NetworkLoad])

    private func compare(
        _ requests: [WireRequest], _ topic: LoadTopic, depth: Int, with services: [ServeYardstick.Service],
        first: () throws -> Void = {}
    ) throws -> [Comparison] {
        try (0..<runs).map { _ in
            try first()
            let c = try services.map { service in
                let server = try YardstickServer(service, answer: topic.answer, directory: scale.directory)
                defer { server.stop() }
                return try NetworkLoad(
                    requests, to: server.port, server: server.processID, answer: topic.answer, depth: depth,
                    seconds: seconds)
            }
            return (try load(requests, topic, depth: depth), c)
        }
    }

    /// On a new broker; what it has in the end must be what it acknowledged.
    private func load(_ requests: [WireRequest], _ topic: LoadTopic, depth: Int) throws -> NetworkLoad {
        let broker = try start(topic)
        defer { broker.kill() }
        let connection = try WireConnection(to: broker.address)
        let size = try connection.call(requests[0]) { answer -> Int in
            defer { _ = ProduceAnswer.codes(&answer) }
            return 8 + answer.remaining
        }
        guard size == topic.answer else { throw BenchmarkError.didNothing("an answer has \(size) bytes") }
        let before = try topic.end(connection, atLeast: 1)
        let load = try NetworkLoad(
            requests, to: broker.address.port, server: broker.processID, answer: topic.answer, depth: depth,
            seconds: seconds)
        let after = before + before * Int64(load.answers)
        guard try topic.end(connection, atLeast: after) == after else {
            throw BenchmarkError.didNothing("not all that was answered is there")
        }
        return load
    }

    private func start(_ topic: LoadTopic) throws -> BrokerProcess {
        let broker = try BrokerProcess(
            scale.martlet, data: try scale.newDirectory("network"),
            settings: ["log.retention.check.interval.ms": "1000"], core: 0)
        try broker.createTopic(topic.name, partitions: Int32(topic.partitions), settings: topic.settings)
        return broker
    }

    // MARK: Batches

    /// Of telemetry, as long as `byteCount` allows.
    private func batch(of byteCount: Int, compression: Compression) throws -> [UInt8] {
        var count = 100
        var batch: [UInt8] = []
        while true {
            let next = try self.batch(Telemetry.records(count), compression: compression)
            if next.count > byteCount { return batch.isEmpty ? next : batch }
            batch = next
            count += 10
        }
    }

    private func batch(_ records: [Record], compression: Compression) throws -> [UInt8] {
        var builder = RecordBatchBuilder(compression: compression)
        for record in records { builder.append(record, defaultTimestamp: .none) }
        try builder.finish()
        return builder.withUnsafeBytes { Array($0) }
    }
}
