/// The 16 bytes of a UUID, as topic ids travel: most significant half first. All zeros means none.
@usableFromInline package struct UUIDBytes: Hashable, Sendable {
    @usableFromInline package var high: UInt64
    @usableFromInline package var low: UInt64

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
