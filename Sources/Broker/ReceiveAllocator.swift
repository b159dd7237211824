internal import NIOCore
internal import Synchronization

/// Memory that a connection is read into: 256 KiB where there are few, less where there are many, for each keeps its own
/// for as long as it lives. All of them together stay within a few times a sixteenth of the budget, however many there are.
struct ReceiveAllocator: RecvByteBufferAllocator {
    private let connections: ConnectionCount
    private let memory: MemoryBudget
    /// The first buffer is small: NIO's pool copies the whole of it, which would bring all of its pages into memory.
    private var hasRead = false

    private static let largest = 256 << 10
    static let smallest = 4 << 10

    init(_ connections: ConnectionCount, _ memory: MemoryBudget) {
        self.connections = connections
        self.memory = memory
    }

    private var byteCount: Int {
        hasRead ? Self.byteCount(connections, memory) : Self.smallest
    }

    static func byteCount(_ connections: ConnectionCount, _ memory: MemoryBudget) -> Int {
        min(largest, max(smallest, memory.byteCountMax / 16 / max(1, connections.current)))
    }

    mutating func record(actualReadBytes: Int) -> Bool {
        hasRead = true
        return false
    }

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer { allocator.buffer(capacity: byteCount) }
    /// What is read into again need only be as large as any would be now: those of fewer connections are larger.
    func nextBufferSize() -> Int? { byteCount }
}

/// How many connections there are.
final class ConnectionCount: Sendable {
    private let count = Atomic<Int>(0)

    var current: Int { count.load(ordering: .relaxed) }
    /// With the one that has come.
    func enter() -> Int { count.wrappingAdd(1, ordering: .relaxed).newValue }
    func leave() { count.wrappingSubtract(1, ordering: .relaxed) }
}
