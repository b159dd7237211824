/// The attributes of a batch: compression in bits 0–2, kind of timestamp in bit 3, transactional in 4, control in 5,
/// delete horizon in 6.
public struct RecordAttributes: Hashable, Sendable {
    public var rawValue: UInt16

    @inlinable
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    @inlinable
    public init(compression: Compression, usesLogAppendTime: Bool = false) {
        rawValue = UInt16(compression.rawValue) | (usesLogAppendTime ? Self.logAppendTimeBit : 0)
    }

    @usableFromInline static let logAppendTimeBit: UInt16 = 1 << 3

    /// nil: a codec that Kafka has no name for.
    @inlinable
    public var compression: Compression? { Compression(rawValue: UInt8(rawValue & 0b111)) }
    /// True: every record's timestamp is the batch's `maxTimestamp`, the time of the append.
    @inlinable
    public var usesLogAppendTime: Bool { rawValue & Self.logAppendTimeBit != 0 }
    @inlinable
    public var isTransactional: Bool { rawValue & 1 << 4 != 0 }
    /// True: the records are marks of a transaction, not for consumers.
    @inlinable
    public var isControl: Bool { rawValue & 1 << 5 != 0 }
    /// True: `baseTimestamp` is the time from which on compaction drops the batch's tombstones (Kafka's KIP-534).
    @inlinable
    public var hasDeleteHorizon: Bool { rawValue & Self.deleteHorizonBit != 0 }

    @usableFromInline static let deleteHorizonBit: UInt16 = 1 << 6
    /// What a batch without records keeps: its kind of timestamp, transactional, control.
    static let bitsOfEmpty: UInt16 = 0b11_1000
}
