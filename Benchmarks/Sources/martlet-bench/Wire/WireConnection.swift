import Foundation

/// A connection to a broker: sends frames, and hands over the answers as they come. For one thread.
///
/// Clients and broker share the machine that is measured, so this one costs as little as can be: a system call for what
/// is sent and one for what is received, and no copy of an answer.
final class WireConnection {
    let descriptor: Int32
    private var input = [UInt8](repeating: 0, count: 64 << 10)
    private var inputCount = 0

    init(to address: WireAddress) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = address.socketAddress
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard descriptor >= 0, status == 0 else { throw WireError.connect(errno) }
        var yes: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { bytes in
            var sent = 0
            while sent < bytes.count {
                let count = write(descriptor, bytes.baseAddress! + sent, bytes.count - sent)
                guard count > 0 else { throw WireError.lost(errno) }
                sent += count
            }
        }
    }

    /// Calls `body` with each whole answer that has come: from the correlation id on.
    func receive(waiting: Bool = false, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let flags = waiting ? 0 : Int32(MSG_DONTWAIT)
        let received = input.withUnsafeMutableBytes {
            recv(descriptor, $0.baseAddress! + inputCount, $0.count - inputCount, flags)
        }
        guard received > 0 else {
            if received < 0, errno == EAGAIN || errno == EINTR { return }
            throw WireError.lost(received == 0 ? 0 : errno)
        }
        inputCount += received
        var (position, needed) = (0, 0)
        try input.withUnsafeBytes { input in
            while inputCount - position >= 4 {
                let length = Int(Int32(bigEndian: input.loadUnaligned(fromByteOffset: position, as: Int32.self)))
                needed = 4 + length
                guard inputCount - position >= needed else { break }
                try body(UnsafeRawBufferPointer(rebasing: input[(position + 4)..<(position + needed)]))
                position += needed
            }
        }
        keep(from: position, needed: needed)
    }

    private func keep(from position: Int, needed: Int) {
        if position > 0, position < inputCount { input.replaceSubrange(0..<position, with: []) }
        inputCount -= position
        let room = max(64 << 10, needed)
        if input.count < room { input.append(contentsOf: repeatElement(0, count: room - input.count)) }
    }

    /// Sends, waits for the answer, and returns what `read` makes of it.
    func call<T>(_ request: WireRequest, _ read: (inout WireReader) -> T) throws -> T {
        try send(request.frame)
        var result: T?
        while result == nil {
            try receive(waiting: true) { result = WireReader.answer($0, isFlexible: request.isFlexible, read) }
        }
        guard let result else { throw WireError.lost(0) }
        return result
    }
}

extension WireReader {
    /// Reads an answer behind its header.
    static func answer<T>(
        _ frame: UnsafeRawBufferPointer, isFlexible: Bool = false, _ read: (inout WireReader) throws -> T
    ) rethrows -> T {
        var reader = WireReader(frame)
        _ = reader.integer(Int32.self)
        if isFlexible { reader.skipTags() }
        return try read(&reader)
    }
}

struct WireAddress {
    let host: String
    let port: UInt16

    var socketAddress: sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr(host)
        return address
    }
}

enum WireError: Error, CustomStringConvertible {
    case connect(Int32)
    case lost(Int32)
    case refused(String, Int16)

    var description: String {
        switch self {
        case .connect(let code): "cannot connect: \(String(cString: strerror(code)))"
        case .lost(let code): "the broker closed a connection: \(String(cString: strerror(code)))"
        case .refused(let what, let code): "\(what) was refused with error \(code)"
        }
    }
}
