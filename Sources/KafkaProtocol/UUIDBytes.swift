/// The 16 bytes of a UUID, as topic ids travel: most significant half first. All zeros means none.
package struct UUIDBytes: Hashable, Sendable {
    package var high: UInt64
    package var low: UInt64

    @inlinable
    package init() { self.init(high: 0, low: 0) }

    @inlinable
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    @inlinable
    package var isZero: Bool { high == 0 && low == 0 }
}
