import Broker
import BrokerTestSupport
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import KafkaClient

@Suite("Connections")
struct ConnectionTests {
    @Test("addresses are read with and without a port, and as lists")
    func addresses() throws {
        #expect(try BrokerAddress(parsing: "broker") == BrokerAddress(host: "broker", port: 9092))
        #expect(try BrokerAddress(parsing: "10.0.0.1:19092") == BrokerAddress(host: "10.0.0.1", port: 19092))
        #expect(try BrokerAddress(parsing: "[::1]:9093") == BrokerAddress(host: "::1", port: 9093))
        #expect(try BrokerAddress(parsing: "[::1]") == BrokerAddress(host: "::1", port: 9092))
        #expect(try BrokerAddress(parsing: "fe80::1") == BrokerAddress(host: "fe80::1", port: 9092))
        #expect(try BrokerAddress.list(parsing: "a:1, b:2").map(\.description) == ["a:1", "b:2"])
        #expect(BrokerAddress(host: "::1", port: 1).description == "[::1]:1")
    }

    @Test(
        "what is no address is refused",
        arguments: ["", ",", ":9092", "a:0", "a:65536", "a:x", "a:", "a b:1", "http://a:1"])
    func badAddresses(text: String) {
        #expect(throws: KafkaClientError.self) { try BrokerAddress.list(parsing: text) }
    }

    @Test("where nothing listens, the error says where and what to do")
    func refused() async throws {
        let address = BrokerAddress(host: "127.0.0.1", port: unusedPort())
        let error = await #expect(throws: KafkaClientError.connectionRefused(address)) {
            try await KafkaClient.connect(to: address.description)
        }
        #expect(
            error?.description == "connection refused to \(address): is the broker running, and is this its address?")
    }

    @Test("the first broker of a list that answers is taken")
    func bootstrap() async throws {
        try await withBroker { broker in
            let client = try await KafkaClient.connect(to: "127.0.0.1:\(unusedPort()),\(broker.address)")
            #expect(try await client.admin.listTopics().isEmpty)
            await client.close()
            await #expect(throws: KafkaClientError.closed) { try await client.admin.listTopics() }
        }
    }

    @Test("frames come out whole however their bytes are cut", arguments: 1...20)
    func frames(step: Int) throws {
        let contents: [[UInt8]] = [[], [1], Array(0..<100), [UInt8](repeating: 7, count: 1000)]
        var stream = ByteBuffer()
        for content in contents {
            stream.writeInteger(Int32(content.count))
            stream.writeBytes(content)
        }
        var frames = FrameAccumulator(frameBytesMax: 1000)
        var found: [[UInt8]] = []
        while let piece = stream.readSlice(length: min(step, stream.readableBytes)), piece.readableBytes > 0 {
            frames.append(piece)
            while let frame = try frames.next() { found.append(Array(frame.readableBytesView)) }
        }
        #expect(found == contents)
    }

    @Test("a frame over the limit, or of less than nothing, is an error", arguments: [1001, -1, Int32.min, Int32.max])
    func badFrames(length: Int32) {
        var frames = FrameAccumulator(frameBytesMax: 1000)
        frames.append(ByteBuffer(integer: length))
        #expect(throws: KafkaClientError.self) { try frames.next() }
    }

    @Test("a server that speaks no Kafka is told from one that does")
    func notKafka() async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Greeter()) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        let error = await #expect(throws: KafkaClientError.self) {
            try await KafkaClient.connect(to: "127.0.0.1:\(port)")
        }
        let description = try #require(error?.description)
        #expect(description.hasSuffix("is it a Kafka broker?"), "\(description)")
        try await server.close()
    }

    @Test("a server that says nothing is given up after the request timeout")
    func silent() async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        var options = KafkaClientOptions()
        options.requestTimeout = .milliseconds(50)
        await #expect(
            throws: KafkaClientError.requestTimedOut(
                api: "ApiVersions", BrokerAddress(host: "127.0.0.1", port: port))
        ) {
            try await KafkaClient.connect(to: "127.0.0.1:\(port)", options: options)
        }
        try await server.close()
    }
}

/// Speaks first, as no Kafka broker does.
private final class Greeter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(NIOAny(ByteBuffer(string: "SSH-2.0-server\r\n")), promise: nil)
    }
}
