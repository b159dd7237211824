internal import Glibc

/// Where a broker listens.
package struct LoadAddress: Hashable, Sendable, CustomStringConvertible {
    /// A name, or an IPv4 or IPv6 address without brackets.
    package var host: String
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    private static let connectMilliseconds: Int32 = 5000

    /// A connected socket that does not block.
    /// - Parameter made: how many connections there are already.
    func connect(made: Int) throws(LoadError) -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0, let first = list else { throw .unknownHost(host) }
        defer { freeaddrinfo(first) }
        var failure = LoadError.unknownHost(host)
        var next: UnsafeMutablePointer<addrinfo>? = first
        while let info = next {
            do throws(LoadError) {
                return try connect(to: info.pointee, made: made)
            } catch {
                failure = error
            }
            next = info.pointee.ai_next
        }
        throw failure
    }

    private func connect(to info: addrinfo, made: Int) throws(LoadError) -> Int32 {
        let flags = Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(info.ai_family, info.ai_socktype | flags, 0)
        guard descriptor >= 0 else { throw .noConnection(self, made: made, reason: LoadError.reason(errno)) }
        var code = Glibc.connect(descriptor, info.ai_addr, info.ai_addrlen) == 0 ? 0 : errno
        if code == EINPROGRESS {
            var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            code = 0
            if poll(&wait, 1, Self.connectMilliseconds) == 1 {
                var size = socklen_t(MemoryLayout<Int32>.size)
                getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
            } else {
                code = ETIMEDOUT
            }
        }
        guard code == 0 else {
            close(descriptor)
            switch code {
            case ECONNREFUSED: throw .refusedConnection(self)
            case ETIMEDOUT: throw .silence(self)
            default: throw .noConnection(self, made: made, reason: LoadError.reason(code))
            }
        }
        var yes: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        return descriptor
    }
}
