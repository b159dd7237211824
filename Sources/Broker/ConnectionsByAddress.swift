internal import Synchronization

/// How many connections each client's address has.
final class ConnectionsByAddress: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    /// With the one that has come.
    func enter(_ address: String) -> Int {
        counts.withLock { counts in
            counts[address, default: 0] += 1
            return counts[address, default: 0]
        }
    }

    func leave(_ address: String) {
        counts.withLock { counts in
            let left = counts[address, default: 0] - 1
            counts[address] = left > 0 ? left : nil
        }
    }
}
