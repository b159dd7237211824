/// A topic's identity for life, as a group sees it: the 16 bytes of its id, most significant half first.
package struct TopicKey: Hashable, Comparable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package static func < (a: TopicKey, b: TopicKey) -> Bool { (a.high, a.low) < (b.high, b.low) }
}
