import KafkaProtocol
import NIOCore
import NIOEmbedded
import Testing

@testable import KafkaClient

@Suite("Throttling")
struct ThrottleTests {
    /// A connection's handler on a clock that the test moves.
    private struct Link {
        let loop = EmbeddedEventLoop()
        let channel: EmbeddedChannel
        let handler: ResponseHandler

        init() throws {
            handler = ResponseHandler(
                address: BrokerAddress(host: "broker"), on: loop, frameBytesMax: 1000)
            channel = EmbeddedChannel(handler: handler, loop: loop)
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 9092)).wait()
        }

        func send(
            _ id: Int32, complete: @escaping (Result<ByteBuffer, KafkaClientError>) -> Void = { _ in }
        ) {
            handler.send(
                ByteBuffer(integer: id),
                ResponseHandler.Request(correlationID: id, api: "Test", timeout: .seconds(30), complete: complete))
        }

        /// The ids of what has been sent since the last time.
        func sent() throws -> [Int32] {
            var ids: [Int32] = []
            while let frame = try channel.readOutbound(as: ByteBuffer.self) {
                ids.append(try #require(frame.getInteger(at: 0, as: Int32.self)))
            }
            return ids
        }
    }

    @Test("what is sent in a pause goes out at its end, in its order")
    func pause() throws {
        let link = try Link()
        link.send(1)
        #expect(try link.sent() == [1])
        link.handler.pause(for: .seconds(1))
        link.send(2)
        link.handler.send(ByteBuffer(integer: 3 as Int32)) { _ in }
        link.send(4)
        link.loop.advanceTime(by: .milliseconds(999))
        #expect(try link.sent() == [])
        link.loop.advanceTime(by: .milliseconds(1))
        #expect(try link.sent() == [2, 3, 4])
        link.send(5)
        #expect(try link.sent() == [5])
    }

    @Test("a longer pause counts, a shorter one that comes later does not")
    func longest() throws {
        let link = try Link()
        link.handler.pause(for: .seconds(1))
        link.handler.pause(for: .seconds(3))
        link.handler.pause(for: .seconds(2))
        link.send(1)
        link.loop.advanceTime(by: .milliseconds(2900))
        #expect(try link.sent() == [])
        link.loop.advanceTime(by: .milliseconds(100))
        #expect(try link.sent() == [1])
    }

    @Test("the time for an answer begins when the request is sent")
    func timeout() throws {
        let link = try Link()
        var outcome: Result<ByteBuffer, KafkaClientError>?
        link.handler.pause(for: .seconds(29))
        link.send(1) { outcome = $0 }
        link.loop.advanceTime(by: .seconds(58))
        #expect(outcome == nil)
        link.loop.advanceTime(by: .seconds(1))
        #expect(outcome == .failure(.requestTimedOut(api: "Test", BrokerAddress(host: "broker"))))
    }

    @Test("a request that is withdrawn in a pause is not sent; one that is closed fails")
    func withdrawn() throws {
        let link = try Link()
        var outcomes: [Result<ByteBuffer, KafkaClientError>] = []
        link.handler.pause(for: .seconds(1))
        for id in 1...3 { link.send(Int32(id)) { outcomes.append($0) } }
        link.handler.withdraw(2)
        link.loop.advanceTime(by: .seconds(1))
        #expect(try link.sent() == [1, 3])
        link.handler.pause(for: .seconds(1))
        link.send(4) { outcomes.append($0) }
        link.handler.close(.closed)
        link.loop.run()
        #expect(outcomes == [.failure(.closed), .failure(.closed), .failure(.closed)])
    }

    @Test("a broker that asks for a pause in an answer gets nothing more until it is over")
    func answer() async throws {
        let script: ScriptedBroker.Script = { request in
            guard request.api == .describeConfigs else { return nil }
            return DescribeConfigsResponse {
                $0.throttleTimeMs = 3_600_000
                $0.results = [DescribeConfigsResponse.Result()]
            }
        }
        try await withScriptedBroker(script: script) { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            _ = try await client.admin.settings(ofTopic: "readings")
            let second = Task { try await client.admin.settings(ofTopic: "readings") }
            // Long enough for a request that is not held back to arrive.
            try await Task.sleep(for: .milliseconds(50))
            second.cancel()
            await #expect(throws: KafkaClientError.cancelled) { try await second.value }
            let third = Task { try await client.admin.listTopics() }
            try await Task.sleep(for: .milliseconds(50))
            await client.close()
            await #expect(throws: KafkaClientError.closed) { try await third.value }
            #expect(broker.requests(.describeConfigs).count == 1 && broker.requests(.metadata).count == 1)
        }
    }

    @Test("versions in which the broker made its pause before it answered ask for none")
    func oldVersions() {
        let throttled = ProduceResponse { $0.throttleTimeMs = 100 }
        #expect(throttled.pause(version: 5) == nil && throttled.pause(version: 6) == .milliseconds(100))
        #expect(ProduceResponse().pause(version: 9) == nil)
        #expect(FetchResponse { $0.throttleTimeMs = -5 }.pause(version: 12) == nil)
    }
}
