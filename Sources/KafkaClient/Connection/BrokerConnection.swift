internal import KafkaProtocol
internal import Logging
internal import NIOCore

/// A connection to a broker which has said what it offers. Each request goes in the newest version that both sides
/// speak.
final class BrokerConnection: Sendable {
    private let channel: RequestChannel
    /// By API key.
    private let offered: [Int16: ClosedRange<Int16>]

    private init(_ channel: RequestChannel, _ offered: [Int16: ClosedRange<Int16>]) {
        self.channel = channel
        self.offered = offered
    }

    nonisolated(nonsending) static func open(
        to address: BrokerAddress, on loop: any EventLoop, _ options: KafkaClientOptions
    ) async throws(KafkaClientError) -> BrokerConnection {
        let channel = try await RequestChannel.open(to: address, on: loop, options)
        let connection = BrokerConnection(channel, try await askForVersions(channel))
        options.logger?.debug("connected", metadata: ["broker": "\(address)"])
        return connection
    }

    var address: BrokerAddress { channel.address }
    var isOpen: Bool { channel.isOpen }
    func close() { channel.close() }

    /// Asks in the newest version first. A broker that does not know it says so in version 0, and is asked again in that.
    private nonisolated(nonsending) static func askForVersions(
        _ channel: RequestChannel
    ) async throws(KafkaClientError) -> [Int16: ClosedRange<Int16>] {
        var request = ApiVersionsRequest()
        request.clientSoftwareName = "martlet-swift"
        request.clientSoftwareVersion = "1"
        var version: Int16 = 3
        while true {
            let body = try await channel.call(
                request, version: version, timeout: channel.options.requestTimeout, byteCount: 64)
            let code = body.getInteger(at: body.readerIndex, as: Int16.self)
            if version > 0, code == ErrorCode.unsupportedVersion.rawValue {
                version = 0
                continue
            }
            let response = try decode(ApiVersionsResponse.self, body, version: version)
            guard response.errorCode == .none else { throw KafkaClientError(response.errorCode) }
            return response.apiKeys.reduce(into: [:]) { offered, row in
                if row.minVersion <= row.maxVersion { offered[row.apiKey] = row.minVersion...row.maxVersion }
            }
        }
    }
}

// MARK: Requests

extension BrokerConnection {
    /// Sends a request and waits for its answer.
    /// - Parameters:
    ///   - leastVersion: older ones are of no use.
    ///   - waiting: what the broker may take on top of the usual time.
    ///   - byteCount: about how long the request is.
    nonisolated(nonsending) func call<Request: RequestMessage>(
        _ request: Request, leastVersion: Int16 = 0, waiting: Duration = .zero,
        byteCount: Int = 256
    ) async throws(KafkaClientError) -> Request.Response {
        let version = try version(of: Request.self, least: leastVersion)
        let body = try await channel.call(
            request, version: version, timeout: channel.options.requestTimeout + waiting, byteCount: byteCount)
        return try read(Request.Response.self, body, version: version)
    }

    /// The same without a task: `complete` gets the answer on the event loop, in the order of the requests. Call it on the
    /// event loop.
    func start<Request: RequestMessage>(
        _ request: Request, leastVersion: Int16 = 0, byteCount: Int = 256,
        complete: @escaping (Result<Request.Response, KafkaClientError>) -> Void
    ) throws(KafkaClientError) {
        let version = try version(of: Request.self, least: leastVersion)
        try channel.start(
            request, version: version, timeout: channel.options.requestTimeout, byteCount: byteCount
        ) { body in
            do throws(KafkaClientError) {
                complete(.success(try self.read(Request.Response.self, try body.get(), version: version)))
            } catch {
                complete(.failure(error))
            }
        }
    }

    /// Sends a request that gets no answer; `complete` is called when it is written. Call it on the event loop.
    func startTelling<Request: RequestMessage>(
        _ request: Request, leastVersion: Int16 = 0, byteCount: Int = 256,
        complete: @escaping (Result<Void, KafkaClientError>) -> Void
    ) throws(KafkaClientError) {
        let version = try version(of: Request.self, least: leastVersion)
        try channel.startTelling(request, version: version, byteCount: byteCount, complete: complete)
    }

    private func version<Request: RequestMessage>(
        of request: Request.Type, least: Int16
    ) throws(KafkaClientError) -> Int16 {
        guard let offered = offered[Request.apiKey.rawValue] else {
            throw .unsupportedByBroker(api: Request.apiKey.name, address)
        }
        let version = min(offered.upperBound, Self.newestVersion(of: request))
        guard version >= offered.lowerBound, version >= max(Request.versions.lowerBound, least) else {
            throw .unsupportedByBroker(api: Request.apiKey.name, address)
        }
        return version
    }

    /// Below what the codec knows where newer versions name topics by ids, which the client does not keep.
    private static func newestVersion<Request: RequestMessage>(of request: Request.Type) -> Int16 {
        switch request.apiKey {
        case .produce: ProduceRequest.firstTopicIDVersion - 1
        case .fetch: FetchRequest.firstTopicIDVersion - 1
        default: request.versions.upperBound
        }
    }

    /// Reads an answer, and pauses for as long as the broker asks in it, though not longer than a request may take: a
    /// connection that is silent for longer is of no use.
    private func read<Response: Message>(
        _ type: Response.Type, _ body: ByteBuffer, version: Int16
    ) throws(KafkaClientError) -> Response {
        let response = try Self.decode(type, body, version: version)
        if let throttled = response as? any ThrottledResponse, let pause = throttled.pause(version: version) {
            channel.options.logger?.debug(
                "the broker throttles", metadata: ["broker": "\(address)", "pause": "\(pause)"])
            channel.pause(for: min(pause, channel.options.requestTimeout))
        }
        return response
    }

    private static func decode<Response: Message>(
        _ type: Response.Type, _ body: ByteBuffer, version: Int16
    ) throws(KafkaClientError) -> Response {
        var body = body
        do throws(ProtocolError) {
            if ResponseHeader.isFlexible(type, version: version) { try ResponseHeader.skipTags(in: &body) }
            // Kafka's own clients do not look at what follows either, so that there are brokers with a byte too many there:
            // librdkafka's mock cluster, after a flexible Metadata answer.
            return try Response(reading: body, version: version, ignoresTrailingBytes: true)
        } catch {
            throw .invalidResponse("\(Response.apiKey.name): \(error)")
        }
    }
}
