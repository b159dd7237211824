/// Murmur2 as Kafka's Java client computes it: what decides the partition of a key.
public func murmur2(_ bytes: RawSpan) -> Int32 { bytes.withUnsafeBytes { murmur2($0) } }

func murmur2(_ bytes: UnsafeRawBufferPointer) -> Int32 {
    let multiplier: UInt32 = 0x5bd1_e995
    var hash: UInt32 = 0x9747_b28c ^ UInt32(truncatingIfNeeded: bytes.count)
    var position = 0
    while position + 4 <= bytes.count, let start = bytes.baseAddress {
        var word = start.littleEndian(UInt32.self, at: position) &* multiplier
        word ^= word >> 24
        hash = (hash &* multiplier) ^ (word &* multiplier)
        position += 4
    }
    let rest = bytes.count - position
    if rest >= 3 { hash ^= UInt32(bytes[position + 2]) << 16 }
    if rest >= 2 { hash ^= UInt32(bytes[position + 1]) << 8 }
    if rest >= 1 { hash = (hash ^ UInt32(bytes[position])) &* multiplier }
    hash ^= hash >> 13
    hash = hash &* multiplier
    return Int32(bitPattern: hash ^ hash >> 15)
}

/// Which partition a record goes to, as Kafka's Java client chooses it: the same key, the same partition, whoever
/// produces.
public enum DefaultPartitioner {
    /// `count`: of partitions, at least 1. The sign bit of the hash is dropped, not negated.
    public static func partition(forKey key: RawSpan, of count: Int) -> Int {
        precondition(count > 0, "a topic has partitions")
        return Int(murmur2(key) & Int32.max) % count
    }
}

/// Chooses for records without a key: one partition until a batch is full, then the next.
public struct StickyPartitioner: Sendable {
    private var current: Int

    public init(startingAt first: Int = 0) { current = max(0, first) }

    public func partition(of count: Int) -> Int {
        precondition(count > 0, "a topic has partitions")
        return current % count
    }

    /// A batch is full: what follows goes to the next partition.
    public mutating func moveOn() { current = (current &+ 1) & Int.max }
}
