internal import Storage

/// Says that segments of a partition are exchanged for one that is rewritten. While it is there, under the name `swap`,
/// opening the log finishes the exchange. See docs/FORMAT.md, "Exchange of segments".
///
///     0   UInt32  magic            "MSWP"
///     4   UInt16  version          1
///     6   UInt16  zero
///     8   UInt32  crc              CRC32C of everything from 12 on
///     12  UInt32  segmentCRC       CRC32C of the new segment's bytes
///     16  UInt64  segmentBytes     how many there are
///     24  UInt32  replacedCount    at least 1
///     28  Int64 each               base offsets of the segments that it replaces, ascending; the first is its own
struct SwapManifest: Equatable {
    static let name = "swap", temporaryName = "swap.tmp"
    static let magic: UInt32 = 0x4D53_5750
    static let version: UInt16 = 1
    static let checkedFrom = 12, headerSize = 28

    var segmentCRC: UInt32
    var segmentBytes: Int
    var replaced: [Offset]

    var base: Offset { replaced[0] }

    init(segmentCRC: UInt32, segmentBytes: Int, replaced: [Offset]) {
        precondition(!replaced.isEmpty, "a segment replaces at least one")
        self.segmentCRC = segmentCRC
        self.segmentBytes = segmentBytes
        self.replaced = replaced
    }

    func encoded() -> [UInt8] {
        var rest = FieldWriter()
        rest.add(segmentCRC)
        rest.add(UInt64(segmentBytes))
        rest.add(UInt32(replaced.count))
        for base in replaced { rest.add(base.value) }
        var writer = FieldWriter()
        writer.add(Self.magic)
        writer.add(Self.version)
        writer.add(UInt16(0))
        writer.add(crc32c(rest.bytes[...]))
        return writer.bytes + rest.bytes
    }

    /// nil: it is not whole, so the exchange had not begun.
    init?(decoding bytes: [UInt8]) {
        var reader = FieldReader(bytes[...])
        do {
            guard try reader.next(UInt32.self) == Self.magic, try reader.next(UInt16.self) == Self.version,
                try reader.next(UInt16.self) == 0, try reader.next(UInt32.self) == crc32c(bytes[Self.checkedFrom...])
            else { return nil }
            segmentCRC = try reader.next()
            segmentBytes = Int(clamping: try reader.next(UInt64.self))
            let count: UInt32 = try reader.next()
            guard count > 0, reader.remaining == Int(count) * 8 else { return nil }
            replaced = []
            for _ in 0..<count { replaced.append(Offset(try reader.next())) }
        } catch { return nil }
        guard replaced[0] >= 0, zip(replaced, replaced.dropFirst()).allSatisfy({ $0 < $1 }) else { return nil }
    }
}
