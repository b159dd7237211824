internal import Storage

/// What the journal says of itself, in its first two blocks in turn: a write torn by a power cut leaves the other. See
/// docs/FORMAT.md, "Journal".
///
///     0   UInt64  magic            "MRTLJRNL"
///     8   UInt64  nonce            of this journal's rounds
///     16  UInt64  directoryHigh, 24 UInt64 directoryLow   the id of the data directory it belongs to
///     32  UInt32  version          2
///     36  UInt32  epoch            of the writer that has the directory open
///     40  UInt64  generation       the larger one of the two blocks holds
///     48  UInt64  tailPosition     where the first round that is still needed begins
///     56  UInt64  tailSequence     its sequence number
///     64  UInt32  flags            1: closed in order, and nothing was written since
///     68  UInt32  crc              CRC32C of bytes 0 to 67
///
/// In version 1 the crc stands at 64, and nothing says how the log was closed.
struct JournalHeader: Equatable {
    static let magic: UInt64 = 0x4D52_544C_4A52_4E4C
    static let version: UInt32 = 2
    static let checkedSize = 68, size = 72

    var nonce: UInt64
    var directory: TopicID
    var epoch: UInt32
    var generation: UInt64
    var tailPosition: Int
    var tailSequence: UInt64
    /// Everything is in the segments, and nobody was cut short.
    var isClosed: Bool

    /// Rounds begin after the two blocks.
    static let ringStart = 2 * StorageAlignment.block

    /// Which of the two blocks this generation is written to.
    var slotPosition: Int { Int(generation % 2) * StorageAlignment.block }

    func encoded() -> [UInt8] {
        var writer = FieldWriter()
        writer.add(Self.magic)
        writer.add(nonce)
        writer.add(directory.high)
        writer.add(directory.low)
        writer.add(Self.version)
        writer.add(epoch)
        writer.add(generation)
        writer.add(UInt64(tailPosition))
        writer.add(tailSequence)
        writer.add(UInt32(isClosed ? 1 : 0))
        writer.add(crc32c(writer.bytes[...]))
        return writer.bytes
    }

    init(
        nonce: UInt64, directory: TopicID, epoch: UInt32, generation: UInt64, tailPosition: Int, tailSequence: UInt64,
        isClosed: Bool
    ) {
        self.nonce = nonce
        self.directory = directory
        self.epoch = epoch
        self.generation = generation
        self.tailPosition = tailPosition
        self.tailSequence = tailSequence
        self.isClosed = isClosed
    }

    /// nil: the block holds no header that is whole.
    init?(decoding bytes: ArraySlice<UInt8>) {
        guard bytes.count >= Self.size else { return nil }
        var reader = FieldReader(bytes)
        do {
            guard try reader.next(UInt64.self) == Self.magic else { return nil }
            nonce = try reader.next()
            directory = TopicID(high: try reader.next(), low: try reader.next())
            let version: UInt32 = try reader.next()
            guard 1...Self.version ~= version else { return nil }
            epoch = try reader.next()
            generation = try reader.next()
            tailPosition = Int(clamping: try reader.next(UInt64.self))
            tailSequence = try reader.next()
            isClosed = version > 1 ? try reader.next(UInt32.self) & 1 != 0 : false
            let checkedSize = bytes.count - reader.remaining
            guard try reader.next(UInt32.self) == crc32c(bytes.prefix(checkedSize)) else { return nil }
        } catch { return nil }
        guard FieldLimits.positions ~= tailPosition, tailPosition >= Self.ringStart,
            tailPosition.isMultiple(of: StorageAlignment.block), FieldLimits.numbers ~= generation,
            FieldLimits.numbers ~= tailSequence
        else { return nil }
    }

    /// The newer of the two that is whole. Where the other one is damaged, it may have been newer: then nobody knows
    /// how the log was closed.
    static func newest(in file: any StorageFile) throws(FileError) -> JournalHeader? {
        let blocks = try file.read(upTo: ringStart, at: 0)
        let slots = [blocks.prefix(StorageAlignment.block), blocks.dropFirst(StorageAlignment.block)]
        let headers = slots.map { JournalHeader(decoding: $0) }
        var newest = headers.compactMap(\.self).max { $0.generation < $1.generation }
        for (slot, header) in zip(slots, headers) where header == nil && !slot.isZero {
            newest?.isClosed = false
        }
        return newest
    }
}

/// CRC32C of bytes in an array.
func crc32c(_ bytes: ArraySlice<UInt8>) -> UInt32 { bytes.withUnsafeBytes { crc32c($0) } }
