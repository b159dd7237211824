internal import NIOCore
internal import Synchronization

/// What one connection holds of the memory for clients, and whether that moves.
struct MemoryHold {
    let byteCount: Int
    /// For how long it has not been read for want of memory; nil: it is read, or would be if its client sent something.
    let wait: TimeAmount?
    /// For how long its client has sent nothing of a request that has begun, or taken nothing of its answers.
    let clientDelay: TimeAmount

    /// How long a client may leave memory unused that others wait for.
    static let clientPatience = TimeAmount.seconds(1)

    private var isClientLate: Bool { clientDelay > Self.clientPatience }

    /// Whether others wait for memory because of this one. `patience`: how long the broker may leave it unread.
    func isInTheWay(_ patience: TimeAmount) -> Bool { wait.map { $0 > patience } ?? isClientLate }

    /// Whether it has waited for so long that what is free will not do for it.
    func waitsInVain(_ patience: TimeAmount) -> Bool { wait.map { $0 > patience + patience + patience } ?? false }
}

/// What an event loop has to know of all connections before it closes one of its own: not one that holds little, while one
/// that holds much is on another loop.
struct MemoryHolds: Equatable {
    private(set) var connectionCount = 0
    /// The most that one holds, in bytes.
    private(set) var largest = 0
    /// The most of those that are in the way.
    private(set) var largestInTheWay = 0
    private(set) var isWaitedInVain = false

    mutating func add(_ hold: MemoryHold, _ patience: TimeAmount) {
        connectionCount += 1
        largest = max(largest, hold.byteCount)
        if hold.isInTheWay(patience) { largestInTheWay = max(largestInTheWay, hold.byteCount) }
        if hold.waitsInVain(patience) { isWaitedInVain = true }
    }

    mutating func add(_ others: MemoryHolds) {
        connectionCount += others.connectionCount
        largest = max(largest, others.largest)
        largestInTheWay = max(largestInTheWay, others.largestInTheWay)
        isWaitedInVain = isWaitedInVain || others.isWaitedInVain
    }

    /// Whether one may be closed where memory is short, of which there are `limit` bytes. It is one that holds much, beside the
    /// others and beside what each had if all held as much: those that hold little are in nobody's way, however long they
    /// wait.
    func giveUp(_ hold: MemoryHold, limit: Int, _ patience: TimeAmount) -> Bool {
        hold.byteCount > 0 && hold.isInTheWay(patience)
            && hold.byteCount >= max(largestInTheWay, limit / max(1, connectionCount)) / 2
    }

    /// Whether it may be the one that goes where somebody has waited in vain: the one that holds most, whatever it does with it.
    /// Where what connections are read into is all that there is, that is any of them.
    func mustGo(_ hold: MemoryHold) -> Bool { isWaitedInVain && hold.byteCount >= largest }
}

/// What the event loops tell each other of their connections.
final class MemoryHoldsOfLoops: Sendable {
    private let holds = Mutex<[ObjectIdentifier: MemoryHolds]>([:])

    /// - Returns: those of all loops, as each has told last.
    func tell(_ own: MemoryHolds, _ loop: BrokerLoop) -> MemoryHolds {
        holds.withLock { holds in
            holds[ObjectIdentifier(loop)] = own
            return holds.values.reduce(into: MemoryHolds()) { $0.add($1) }
        }
    }
}
