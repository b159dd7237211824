import Foundation
import KafkaProtocol
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import KafkaClient

#if os(Linux)
/// Each in a process of its own, so that what other tests hold is not counted.
@Suite("Leaks")
struct LeakTests {
    @Test("10,000 clients that connect, ask and close leave no descriptor, no memory and no task behind")
    func connects() async {
        await #expect(processExitsWith: .success) {
            Leaks.closeLentSockets()
            let broker = try await CannedBroker.start()
            // What is made once, as event loops and caches, is there after some.
            try await Leaks.connect(500, to: broker)
            let before = try Leaks.Footprint()
            try await Leaks.connect(10_000, to: broker)
            let after = try await Leaks.settledFootprint(before)
            precondition(broker.connectionCount == 0, "\(broker.connectionCount) connections are open")
            precondition(after.descriptors == before.descriptors, "descriptors: \(before) then \(after)")
            precondition(after.residentBytes < before.residentBytes + 16 << 20, "memory: \(before) then \(after)")
        }
    }

    @Test("producers and consumers that are closed, or let go of, leave nothing behind", arguments: [true, false])
    func letGo(closes: Bool) async {
        await #expect(processExitsWith: .success) { [closes] in
            Leaks.closeLentSockets()
            try await withScriptedBroker { broker in
                let client = try await KafkaClient.connect(to: broker.address)
                try await Leaks.use(10, client, closes: closes)
                await Leaks.waitUntil { broker.connectionCount == 1 }
                let before = try Leaks.Footprint()
                let objects = try await Leaks.use(300, client, closes: closes)
                await Leaks.waitUntil { broker.connectionCount == 1 }
                // A task that still ran would hold on to what it works for.
                await Leaks.waitUntil { objects.allSatisfy(\.isGone) }
                let after = try await Leaks.settledFootprint(before)
                precondition(after.descriptors == before.descriptors, "descriptors: \(before) then \(after)")
                await client.close()
            }
        }
    }

    @Test("connections that fail leave nothing behind")
    func failures() async {
        await #expect(processExitsWith: .success) {
            Leaks.closeLentSockets()
            let script: ScriptedBroker.Script = { request in
                if request.api == .metadata { throw ScriptedBroker.Disconnect() }
                return nil
            }
            try await withScriptedBroker(script: script) { broker in
                try await Leaks.fail(100, broker)
                let before = try Leaks.Footprint()
                try await Leaks.fail(1000, broker)
                await Leaks.waitUntil { broker.connectionCount == 0 }
                let after = try await Leaks.settledFootprint(before)
                precondition(after.descriptors == before.descriptors, "descriptors: \(before) then \(after)")
            }
        }
    }
}

/// Gives every connection the same two answers: as little work as it takes for a client to connect.
private final class CannedBroker: Sendable {
    private let port = Atomic<Int>(0)
    private let connections = Atomic<Int>(0)
    /// But for the correlation id, from the frame's fifth byte on.
    private let answers: [ApiKey: ByteBuffer]

    var address: String { "127.0.0.1:\(port.load(ordering: .relaxed))" }
    var connectionCount: Int { connections.load(ordering: .relaxed) }

    private init() throws {
        var versions = ByteBuffer()
        var metadata = ByteBuffer()
        let offered = ApiVersionsResponse {
            $0.apiKeys = [
                ApiVersionsResponse.Version {
                    $0.apiKey = ApiKey.metadata.rawValue
                    $0.maxVersion = 12
                }
            ]
        }
        try Frame.append(offered, version: 3, correlationID: 0, to: &versions)
        try Frame.append(MetadataResponse(), version: 12, correlationID: 0, to: &metadata)
        answers = [.apiVersions: versions, .metadata: metadata]
    }

    static func start() async throws -> CannedBroker {
        let broker = try CannedBroker()
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 1024)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Connection(broker))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        broker.port.store(try #require(server.localAddress?.port), ordering: .relaxed)
        return broker
    }

    private final class Connection: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let broker: CannedBroker

        init(_ broker: CannedBroker) { self.broker = broker }

        func channelActive(context: ChannelHandlerContext) { broker.connections.add(1, ordering: .relaxed) }
        func channelInactive(context: ChannelHandlerContext) { broker.connections.subtract(1, ordering: .relaxed) }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            // A request as small as these comes in one piece.
            let frame = unwrapInboundIn(data)
            guard let api = frame.getInteger(at: 4, as: Int16.self).flatMap(ApiKey.init(rawValue:)),
                let correlationID = frame.getInteger(at: 8, as: Int32.self), var answer = broker.answers[api]
            else { return context.close(promise: nil) }
            answer.setInteger(correlationID, at: 4)
            context.writeAndFlush(NIOAny(answer), promise: nil)
        }
    }
}

private enum Leaks {
    /// The process that this one comes from may have lent it connections by accident: what listens there would go on
    /// listening here.
    static func closeLentSockets() {
        for descriptor in 3..<Int32(1024) {
            var address = sockaddr()
            var length = socklen_t(MemoryLayout<sockaddr>.size)
            guard getsockname(descriptor, &address, &length) == 0 else { continue }
            if [AF_INET, AF_INET6].contains(Int32(address.sa_family)) { close(descriptor) }
        }
    }

    struct Footprint {
        /// But for the system's own, as of timers, which come and go.
        let descriptors: Int
        let residentBytes: Int

        init() throws {
            let files = FileManager.default
            descriptors = try files.contentsOfDirectory(atPath: "/proc/self/fd").count { name in
                // One that is gone by now is that of the directory itself.
                let target = try? files.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(name)")
                return target.map { !$0.hasPrefix("anon_inode:") } ?? false
            }
            let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
            residentBytes = (Int(pages[1]) ?? 0) * Int(getpagesize())
        }
    }

    /// What is left when the last sockets have been closed, which a connection's end is told a moment before.
    static func settledFootprint(_ before: Footprint) async throws -> Footprint {
        for _ in 0..<500 where try Footprint().descriptors != before.descriptors {
            try await Task.sleep(for: .milliseconds(10))
        }
        return try Footprint()
    }

    static func connect(_ count: Int, to broker: CannedBroker) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<count {
                if index >= 50 { try await group.next() }
                group.addTask { try await KafkaClient.connect(to: broker.address).close() }
            }
            try await group.waitForAll()
        }
        await waitUntil { broker.connectionCount == 0 }
    }

    static func fail(_ count: Int, _ broker: ScriptedBroker) async throws {
        for _ in 0..<count {
            do throws(KafkaClientError) {
                _ = try await KafkaClient.connect(to: broker.address)
                preconditionFailure("connected")
            } catch {
                guard case .connectionLost = error else { preconditionFailure("\(error)") }
            }
        }
    }

    struct Weak {
        weak var object: AnyObject?
        var isGone: Bool { object == nil }
    }

    /// Uses producers and consumers, and tells of what they were made of.
    @discardableResult
    static func use(_ count: Int, _ client: KafkaClient, closes: Bool) async throws -> [Weak] {
        var objects: [Weak] = []
        for _ in 0..<count {
            let producer = client.makeProducer()
            try await producer.send(Record(value: "a"), to: "readings")
            let consumer = try await client.makeConsumer(topic: "readings")
            objects += [Weak(object: producer), Weak(object: consumer)]
            objects += producer.parts.map { Weak(object: $0) } + consumer.parts.map { Weak(object: $0) }
            if closes {
                try await producer.close()
                await consumer.close()
            }
        }
        return objects
    }

    static func waitUntil(_ condition: () -> Bool) async {
        while !condition() { try? await Task.sleep(for: .milliseconds(1)) }
    }
}
#endif
