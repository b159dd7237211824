internal import NIOCore
internal import Synchronization

/// Memory that a connection is read into: 256 KiB where there are few, less where there are many, for each keeps its own
/// for as long as it lives. All of them together stay within a few times a sixteenth of the budget, however many there are.
struct ReceiveAllocator: RecvByteBufferAllocator {
    private let largest: Int
    private let connections: ConnectionCount
    private let memory: MemoryBudget
    /// The first buffer is small: NIO's pool copies the whole of it, which would bring all of its pages into memory.
    private var hasRead = false

    static let smallest = 4 << 10

    init(largest: Int, _ connections: ConnectionCount, _ memory: MemoryBudget) {
        self.largest = largest
        self.connections = connections
        self.memory = memory
    }

    private var byteCount: Int {
        guard hasRead else { return min(largest, Self.smallest) }
        return Self.byteCount(largest: largest, connections, memory)
    }

    static func byteCount(largest: Int, _ connections: ConnectionCount, _ memory: MemoryBudget) -> Int {
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
