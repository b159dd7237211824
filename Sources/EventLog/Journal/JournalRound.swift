internal import Storage

/// A round as it was read back: checked, its entries with their bytes.
struct JournalRound {
    let sequence: UInt64
    let epoch: UInt32
    /// How many bytes it takes in the journal, padding included.
    let byteCount: Int
    private let payload: UnsafeRawBufferPointer
    private let entries: [(entry: RoundEntry, runs: [Range<Int>])]

    /// Why bytes are no round, or not the one that was expected.
    enum Problem: Error, Equatable {
        /// Nothing that this journal's writer could have put there in this place: where writing stopped.
        case notARound
        /// A header that is whole, with a payload or footer that is not.
        case torn(sequence: UInt64)
    }

    /// Checks everything: magic, nonce, version, lengths, and the checksums of header, footer and each entry's bytes.
    init(checking bytes: UnsafeRawBufferPointer, nonce: UInt64) throws(Problem) {
        let header = try RoundHeader(checking: bytes, nonce: nonce)
        sequence = header.sequence
        epoch = header.epoch
        byteCount = header.byteCount
        guard header.byteCount <= bytes.count else { throw .torn(sequence: header.sequence) }
        payload = bytes.part(RoundLayout.headerSize, header.payloadLength)
        let footer = bytes.part(RoundLayout.headerSize + header.payloadLength, header.footerLength)
        guard crc32c(footer) == header.footerCRC,
            let entries = Self.entries(in: footer, count: header.entryCount, payloadLength: payload.count)
        else { throw .torn(sequence: header.sequence) }
        self.entries = entries
        for (entry, runs) in entries {
            var crc: UInt32 = 0
            for run in runs { crc = crc32c(payload.part(run.lowerBound, run.count), seed: crc) }
            #if PLANTED_BUGS
            if PlantedBug.checksumIgnored.isPlanted { continue }
            #endif
            guard crc == entry.crc else { throw .torn(sequence: header.sequence) }
        }
    }

    private static func entries(
        in footer: UnsafeRawBufferPointer, count: Int, payloadLength: Int
    ) -> [(RoundEntry, [Range<Int>])]? {
        var result: [(RoundEntry, [Range<Int>])] = []
        var at = 0
        for _ in 0..<count {
            guard footer.count - at >= RoundEntryLayout.size else { return nil }
            let entry = RoundEntry(decoding: footer, at: at)
            guard entry.isPossible else { return nil }
            let runCount = Int(footer.bigEndianUInt32(at: at + RoundEntryLayout.runCount))
            at += RoundEntryLayout.size
            guard runCount <= (footer.count - at) / RoundEntryLayout.runSize else { return nil }
            var runs: [Range<Int>] = []
            for _ in 0..<runCount {
                let start = Int(footer.bigEndianUInt32(at: at))
                let length = Int(footer.bigEndianUInt32(at: at + 4))
                guard start + length <= payloadLength else { return nil }
                runs.append(start..<start + length)
                at += RoundEntryLayout.runSize
            }
            guard runs.reduce(0, { $0 + $1.count }) == entry.byteCount else { return nil }
            result.append((entry, runs))
        }
        return result
    }

    /// Calls `body` with each entry and its bytes, piece by piece in order.
    func forEachEntry<E: Error>(
        _ body: (RoundEntry, [UnsafeRawBufferPointer]) throws(E) -> Void
    ) throws(E) {
        for (entry, runs) in entries {
            try body(entry, runs.map { payload.part($0.lowerBound, $0.count) })
        }
    }
}

/// The first 64 bytes of a round.
struct RoundHeader {
    let sequence: UInt64
    let epoch: UInt32
    let payloadLength: Int
    let footerLength: Int
    let entryCount: Int
    let footerCRC: UInt32

    init(checking bytes: UnsafeRawBufferPointer, nonce: UInt64) throws(JournalRound.Problem) {
        guard bytes.count >= RoundLayout.headerSize,
            bytes.bigEndian(at: RoundLayout.magicField, as: UInt64.self) == RoundLayout.magic,
            bytes.bigEndian(at: RoundLayout.nonce, as: UInt64.self) == nonce,
            bytes.bigEndianUInt32(at: RoundLayout.versionField) == RoundLayout.version,
            crc32c(bytes.part(0, RoundLayout.headerCRC)) == bytes.bigEndianUInt32(at: RoundLayout.headerCRC)
        else { throw .notARound }
        sequence = bytes.bigEndian(at: RoundLayout.sequence)
        epoch = bytes.bigEndianUInt32(at: RoundLayout.epoch)
        payloadLength = Int(bytes.bigEndianUInt32(at: RoundLayout.payloadLength))
        footerLength = Int(bytes.bigEndianUInt32(at: RoundLayout.footerLength))
        entryCount = Int(bytes.bigEndianUInt32(at: RoundLayout.entryCount))
        footerCRC = bytes.bigEndianUInt32(at: RoundLayout.footerCRC)
    }

    /// With header and padding.
    var byteCount: Int { StorageAlignment.roundUp(RoundLayout.headerSize + payloadLength + footerLength) }
}

extension RoundEntry {
    /// False: no writer puts such numbers there.
    var isPossible: Bool {
        FieldLimits.positions ~= position && segment >= 0 && baseOffset >= segment && endOffset >= baseOffset
    }

    init(decoding bytes: UnsafeRawBufferPointer, at: Int) {
        topic = TopicID(
            high: bytes.bigEndian(at: at + RoundEntryLayout.topicHigh),
            low: bytes.bigEndian(at: at + RoundEntryLayout.topicLow))
        partition = Int(bytes.bigEndianUInt32(at: at + RoundEntryLayout.partition))
        segment = Offset(bytes.bigEndianInt64(at: at + RoundEntryLayout.segment))
        position = Int(clamping: bytes.bigEndian(at: at + RoundEntryLayout.position, as: UInt64.self))
        baseOffset = Offset(bytes.bigEndianInt64(at: at + RoundEntryLayout.baseOffset))
        endOffset = Offset(bytes.bigEndianInt64(at: at + RoundEntryLayout.endOffset))
        crc = bytes.bigEndianUInt32(at: at + RoundEntryLayout.crc)
        byteCount = Int(bytes.bigEndianUInt32(at: at + RoundEntryLayout.byteCount))
    }

    func encode(into bytes: UnsafeMutableRawBufferPointer, at: Int, runCount: Int) {
        bytes.storeBigEndian(topic.high, at: at + RoundEntryLayout.topicHigh)
        bytes.storeBigEndian(topic.low, at: at + RoundEntryLayout.topicLow)
        bytes.storeBigEndian(UInt32(partition), at: at + RoundEntryLayout.partition)
        bytes.storeBigEndian(UInt32(runCount), at: at + RoundEntryLayout.runCount)
        bytes.storeBigEndian(segment.value, at: at + RoundEntryLayout.segment)
        bytes.storeBigEndian(UInt64(position), at: at + RoundEntryLayout.position)
        bytes.storeBigEndian(baseOffset.value, at: at + RoundEntryLayout.baseOffset)
        bytes.storeBigEndian(endOffset.value, at: at + RoundEntryLayout.endOffset)
        bytes.storeBigEndian(crc, at: at + RoundEntryLayout.crc)
        bytes.storeBigEndian(UInt32(byteCount), at: at + RoundEntryLayout.byteCount)
    }
}

extension UnsafeRawBufferPointer {
    /// `count` bytes from `start` on, which the caller has checked to lie inside.
    @inline(__always)
    func part(_ start: Int, _ count: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[start..<start + count])
    }
}
