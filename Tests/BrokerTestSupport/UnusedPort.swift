internal import Glibc
internal import Synchronization

/// A port of this machine that nothing listens on and that the system gives to nobody: below the range from which clients'
/// own ports come, of which other tests use thousands at a time.
package func unusedPort() -> Int {
    while true {
        let port = Int.random(in: 15_000..<30_000)
        if given.withLock({ $0.insert(port).inserted }), isFree(port) { return port }
    }
}

private let given = Mutex<Set<Int>>([])

private func isFree(_ port: Int) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return withUnsafePointer(to: &address) { address in
        address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}
