internal import Glibc
package import KafkaProtocol
internal import NIOCore

/// A connection to a broker. Requests go out in the newest version that both sides speak, and answers come in the order
/// of the requests. For one thread.
///
/// Clients and broker often share the machine that is measured, so this one costs as little as can be: no task and no
/// hop, a system call for what is sent and one for what is received.
package final class LoadConnection {
    package let address: LoadAddress
    let descriptor: Int32
    private var offered: [Int16: ClosedRange<Int16>] = [:]
    private var output = ByteBuffer()
    private var input = ByteBuffer()
    private var lastCorrelationID: Int32 = 0
    private var awaited = CircularBuffer<Awaited>()
    /// How many connections the load has: for the message where one is lost.
    private let count: Int

    private struct Awaited {
        var correlationID: Int32
        var version: Int16
        var isFlexible: Bool
        var api: ApiKey
    }

    /// The longest answer that is taken: more than a broker sends unless it is asked for more.
    private static let answerBytesMax = 256 << 20
    private static let receiveBytes = 256 << 10
    private static let answerMilliseconds: Int32 = 30_000

    /// Connects, and asks for what the broker offers.
    /// - Parameter made: how many connections the load has already.
    package init(to address: LoadAddress, made: Int = 0) throws(LoadError) {
        self.address = address
        count = made + 1
        descriptor = try address.connect(made: made)
        do throws(LoadError) {
            let answer = try call(ApiVersionsRequest(), version: 0)
            guard answer.errorCode == .none else {
                throw .rejected(api: "ApiVersions", of: "\(address)", answer.errorCode, message: nil)
            }
            for row in answer.apiKeys where row.minVersion <= row.maxVersion {
                offered[row.apiKey] = row.minVersion...row.maxVersion
            }
        } catch .lost(_, _, let reason) where made > 0 {
            throw .noConnection(address, made: made, reason: reason)
        }
    }

    deinit { close(descriptor) }

    /// What has been sent and is not yet in the system's hands.
    var isFlushed: Bool { output.readableBytes == 0 }

    /// The newest version of an API that both sides speak.
    /// - Parameter known: those that the caller can use.
    package func version<Request: RequestMessage>(
        of request: Request.Type, in known: ClosedRange<Int16>
    ) throws(LoadError) -> Int16 {
        guard let offered = offered[Request.apiKey.rawValue] else {
            throw .unsupported(api: Request.apiKey.name, address)
        }
        let version = min(offered.upperBound, known.upperBound)
        guard version >= max(offered.lowerBound, known.lowerBound) else {
            throw .unsupported(api: Request.apiKey.name, address)
        }
        return version
    }

    /// - Parameter isAnswered: false: the broker sends no answer to it.
    func send<Request: RequestMessage>(
        _ request: Request, version: Int16, isAnswered: Bool = true
    ) throws(LoadError) {
        lastCorrelationID &+= 1
        do throws(ProtocolError) {
            try Frame.append(
                request: request, version: version, correlationID: lastCorrelationID, clientID: "martlet-bench",
                to: &output)
        } catch {
            throw .invalidAnswer(api: Request.apiKey.name, reason: "\(error)")
        }
        if isAnswered {
            awaited.append(
                Awaited(
                    correlationID: lastCorrelationID, version: version,
                    isFlexible: ResponseHeader.isFlexible(Request.Response.self, version: version), api: Request.apiKey)
            )
        }
        try flush()
    }

    /// Gives the system as much as it takes.
    func flush() throws(LoadError) {
        while output.readableBytes > 0 {
            let sent = output.withUnsafeReadableBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else {
                if sent < 0, errno == EINTR { continue }
                if sent < 0, errno == EAGAIN { break }
                throw lost(sent < 0 ? LoadError.reason(errno) : "it was closed")
            }
            output.moveReaderIndex(forwardBy: sent)
        }
        if output.readableBytes == 0 { output.clear() } else { output.discardReadBytes() }
    }

    /// Takes all that has come, and calls `body` with each whole answer: its body and the version that it is in.
    func receive(_ body: (ByteBuffer, Int16) throws(LoadError) -> Void) throws(LoadError) {
        while true {
            var code: Int32 = 0
            let received = input.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.receiveBytes) { room in
                let count = recv(descriptor, room.baseAddress, room.count, 0)
                if count < 0 { code = errno }
                return max(0, count)
            }
            guard received > 0 else {
                if code == EINTR { continue }
                if code == EAGAIN { return }
                throw lost(code == 0 ? "the broker closed it" : LoadError.reason(code))
            }
            while let frame = try nextFrame() { try take(frame, body) }
            if input.readableBytes == 0 { input.clear() }
        }
    }

    private func nextFrame() throws(LoadError) -> ByteBuffer? {
        guard let length = input.getInteger(at: input.readerIndex, as: Int32.self) else { return nil }
        guard (4...Self.answerBytesMax).contains(Int(length)) else {
            throw .invalidAnswer(
                api: awaited.first?.api.name ?? "nothing", reason: "a frame of \(length) bytes")
        }
        let missing = Int(length) + 4 - input.readableBytes
        guard missing <= 0 else {
            // All at once, or a long frame would be moved each time that the buffer doubles.
            input.discardReadBytes()
            input.reserveCapacity(minimumWritableBytes: missing)
            return nil
        }
        input.moveReaderIndex(forwardBy: 4)
        return input.readSlice(length: Int(length))
    }

    private func take(_ frame: ByteBuffer, _ body: (ByteBuffer, Int16) throws(LoadError) -> Void) throws(LoadError) {
        guard let sent = awaited.popFirst() else {
            throw .invalidAnswer(api: "nothing", reason: "an answer that nobody asked for")
        }
        var frame = frame
        do throws(ProtocolError) {
            let header = try ResponseHeader(reading: &frame)
            guard header.correlationID == sent.correlationID else {
                throw ProtocolError.invalidLength(position: 0, length: Int(header.correlationID))
            }
            if sent.isFlexible { try ResponseHeader.skipTags(in: &frame) }
        } catch {
            throw .invalidAnswer(api: sent.api.name, reason: "it is out of order")
        }
        try body(frame, sent.version)
    }

    static func read<Response: Message>(
        _ type: Response.Type, _ body: ByteBuffer, version: Int16
    ) throws(LoadError) -> Response {
        do throws(ProtocolError) {
            return try Response(reading: body, version: version, ignoresTrailingBytes: true)
        } catch {
            throw .invalidAnswer(api: Response.apiKey.name, reason: "\(error)")
        }
    }

    private func lost(_ reason: String) -> LoadError { .lost(address, connections: count, reason: reason) }

    /// Whether both of its ends are on one machine.
    package var isToThisMachine: Bool {
        func host(_ name: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32) -> String?
        {
            var storage = sockaddr_storage()
            var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
            return withUnsafeMutablePointer(to: &storage) { storage in
                storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                    guard name(descriptor, address, &size) == 0 else { return nil }
                    var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
                    guard getnameinfo(address, size, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 else {
                        return nil
                    }
                    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                }
            }
        }
        guard let own = host(getsockname), let peer = host(getpeername) else { return false }
        return own == peer
    }

    /// Whether the broker has not closed it. For one that has nothing to come.
    var isOpen: Bool {
        var byte: UInt8 = 0
        let count = recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
        return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR))
    }
}

// MARK: One request at a time

extension LoadConnection {
    /// Sends, and waits for the answer. Nothing else may be under way.
    package func call<Request: RequestMessage>(
        _ request: Request, version: Int16
    ) throws(LoadError) -> Request.Response {
        try send(request, version: version)
        var answer: Request.Response?
        while answer == nil {
            let events = isFlushed ? POLLIN : POLLIN | POLLOUT
            var wait = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            let ready = poll(&wait, 1, Self.answerMilliseconds)
            if ready < 0, errno == EINTR { continue }
            guard ready == 1 else { throw .silence(address) }
            try flush()
            try receive { (body, version) throws(LoadError) in
                answer = try Self.read(Request.Response.self, body, version: version)
            }
        }
        guard let answer else { throw .silence(address) }
        return answer
    }

    /// The broker that a group's offsets are at.
    package func coordinator(of group: String) throws(LoadError) -> LoadAddress {
        let version = try version(of: FindCoordinatorRequest.self, in: 0...3)
        var request = FindCoordinatorRequest()
        request.key = group
        // A broker that has just started may be about to have one.
        var tries = 0
        while true {
            let answer = try call(request, version: version)
            if answer.errorCode == .none { return LoadAddress(host: answer.host, port: Int(answer.port)) }
            tries += 1
            guard answer.errorCode.isRetriable, tries < 50 else {
                throw .rejected(api: "FindCoordinator", of: group, answer.errorCode, message: answer.errorMessage)
            }
            usleep(100_000)
        }
    }
}
