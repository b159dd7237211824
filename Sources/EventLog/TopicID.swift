/// A topic's identity for life: 16 random bytes (UUID version 4). A topic deleted and created again under the same
/// name is another topic.
public struct TopicID: Hashable, Sendable {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A new id from `generator`.
    package static func random(using generator: inout some RandomNumberGenerator) -> TopicID {
        let high = (generator.next() & ~0xF000) | 0x4000
        let low = (generator.next() & ~(0b11 << 62)) | (0b10 << 62)
        return TopicID(high: high, low: low)
    }
}

extension TopicID: CustomStringConvertible {
    /// The usual text of a UUID: `8-4-4-4-12` hexadecimal digits.
    public var description: String {
        let digits = Array((hex(high) + hex(low)).utf8)
        let parts = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(decoding: digits[$0], as: UTF8.self) }
        return parts.joined(separator: "-")
    }

    private func hex(_ value: UInt64) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }
}
