internal import Storage

/// Writes a round's footer and header around the payload that gathered in a staging buffer.
struct RoundEncoder: ~Copyable {
    private let bytes: UnsafeMutableRawBufferPointer
    private let payloadCount: Int
    private let footerStart: Int
    private var footerEnd: Int
    private var entryCount = 0

    init(_ staging: StagingBuffer) {
        bytes = staging.bytes
        payloadCount = staging.payloadCount
        footerStart = RoundLayout.headerSize + staging.payloadCount
        footerEnd = footerStart
    }

    /// An entry: `runs` are pieces of the payload, in the order in which they follow each other in the segment.
    mutating func add(_ entry: RoundEntry, runs: [PayloadRun]) {
        var entry = entry
        let payload = UnsafeRawBufferPointer(bytes).part(RoundLayout.headerSize, payloadCount)
        for run in runs { entry.crc = crc32c(payload.part(run.start, run.count), seed: entry.crc) }
        entry.encode(into: bytes, at: footerEnd, runCount: runs.count)
        footerEnd += RoundEntryLayout.size
        for run in runs {
            bytes.storeBigEndian(UInt32(truncatingIfNeeded: run.start), at: footerEnd)
            bytes.storeBigEndian(UInt32(truncatingIfNeeded: run.count), at: footerEnd + 4)
            footerEnd += RoundEntryLayout.runSize
        }
        entryCount += 1
    }

    var isEmpty: Bool { entryCount == 0 }

    /// The whole round, a whole number of blocks.
    consuming func finish(sequence: UInt64, epoch: UInt32, nonce: UInt64) -> UnsafeRawBufferPointer {
        let end = StorageAlignment.roundUp(footerEnd)
        UnsafeMutableRawBufferPointer(rebasing: bytes[footerEnd..<end]).initializeMemory(as: UInt8.self, repeating: 0)
        let header = UnsafeMutableRawBufferPointer(rebasing: bytes[..<RoundLayout.headerSize])
        header.initializeMemory(as: UInt8.self, repeating: 0)
        header.storeBigEndian(RoundLayout.magic, at: RoundLayout.magicField)
        header.storeBigEndian(nonce, at: RoundLayout.nonce)
        header.storeBigEndian(RoundLayout.version, at: RoundLayout.versionField)
        header.storeBigEndian(epoch, at: RoundLayout.epoch)
        header.storeBigEndian(sequence, at: RoundLayout.sequence)
        header.storeBigEndian(UInt32(payloadCount), at: RoundLayout.payloadLength)
        header.storeBigEndian(UInt32(footerEnd - footerStart), at: RoundLayout.footerLength)
        header.storeBigEndian(UInt32(entryCount), at: RoundLayout.entryCount)
        let footer = UnsafeRawBufferPointer(bytes).part(footerStart, footerEnd - footerStart)
        header.storeBigEndian(crc32c(footer), at: RoundLayout.footerCRC)
        let checked = UnsafeRawBufferPointer(header).part(0, RoundLayout.headerCRC)
        header.storeBigEndian(crc32c(checked), at: RoundLayout.headerCRC)
        return UnsafeRawBufferPointer(bytes).part(0, end)
    }
}

/// A piece of a round's payload: batches of one partition that lie side by side.
struct PayloadRun {
    var start: Int
    var count: Int
}
