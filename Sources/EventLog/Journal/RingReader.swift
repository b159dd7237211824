internal import Storage

/// Finds rounds in the ring's file.
final class RingReader {
    private let file: any StorageFile
    private let nonce: UInt64
    private let capacity: Int
    private var buffer: UnsafeMutableRawBufferPointer

    /// No round is longer: staging buffers are not.
    static let roundBytesMax = StagingBuffer.capacity

    init(_ file: any StorageFile, nonce: UInt64, capacity: Int) {
        self.file = file
        self.nonce = nonce
        self.capacity = capacity
        let byteCount = min(1 << 20, max(capacity, StorageAlignment.block))
        buffer = .allocate(byteCount: byteCount, alignment: StorageAlignment.block)
    }

    deinit { buffer.deallocate() }

    /// The round of this sequence number: where the one before it ended, or at the start of the ring.
    func round(_ sequence: UInt64, near position: Int) throws(FileError) -> (round: JournalRound, position: Int)? {
        for place in [position, JournalHeader.ringStart] {
            #if PLANTED_BUGS
            if PlantedBug.replayEndsAtWrap.isPlanted, place != position { return nil }
            #endif
            if let round = try round(sequence, at: place) { return (round, place) }
        }
        return nil
    }

    private func round(_ sequence: UInt64, at position: Int) throws(FileError) -> JournalRound? {
        guard let header = try header(at: position), header.sequence == sequence,
            header.byteCount <= Self.roundBytesMax, header.byteCount <= capacity - position
        else { return nil }
        #if PLANTED_BUGS
        if PlantedBug.replayOneRoundShort.isPlanted {
            let next = try [position + header.byteCount, JournalHeader.ringStart].map { place throws(FileError) in
                try self.header(at: place)?.sequence
            }
            if !next.contains(sequence + 1) { return nil }
        }
        #endif
        let bytes = try read(header.byteCount, at: position)
        return try? JournalRound(checking: bytes, nonce: nonce)
    }

    private func header(at position: Int) throws(FileError) -> RoundHeader? {
        guard position >= JournalHeader.ringStart, position + StorageAlignment.block <= capacity else { return nil }
        // Only what was read can say that there is none.
        let bytes = try read(RoundLayout.headerSize, at: position)
        return try? RoundHeader(checking: bytes, nonce: nonce)
    }

    /// Where a round of this sequence number was begun that is not whole; nil: nothing looks like it. A write that was cut
    /// leaves such a one, and so does damage to the last round.
    func brokenRound(_ sequence: UInt64, near position: Int) throws(FileError) -> Int? {
        for place in [position, JournalHeader.ringStart] {
            guard place >= JournalHeader.ringStart, place + StorageAlignment.block <= capacity else { continue }
            let bytes = try read(RoundLayout.headerSize, at: place)
            guard bytes.count == RoundLayout.headerSize else { continue }
            // One of them may be what is damaged. Of an older round the number is another.
            let signs = [
                bytes.bigEndian(at: RoundLayout.magicField, as: UInt64.self) == RoundLayout.magic,
                bytes.bigEndian(at: RoundLayout.nonce, as: UInt64.self) == nonce,
                bytes.bigEndian(at: RoundLayout.sequence, as: UInt64.self) == sequence,
            ]
            if let header = try header(at: place), header.sequence != sequence { continue }
            if signs.count(where: { $0 }) >= 2 { return place }
        }
        return nil
    }

    /// Valid until the next call.
    func read(_ count: Int, at position: Int) throws(FileError) -> UnsafeRawBufferPointer {
        if buffer.count < count {
            buffer.deallocate()
            buffer = .allocate(byteCount: count, alignment: StorageAlignment.block)
        }
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
        let read = try file.read(into: part, at: position)
        return UnsafeRawBufferPointer(part).part(0, read)
    }

    /// Where a valid round later than `sequence` lies, within reach of one that is missing at `position`. A writer
    /// never starts a round before the one before it is durable, so such a round proves damage.
    func laterRound(than sequence: UInt64, from position: Int) throws(FileError) -> Int? {
        let reach = min(capacity, position + Self.roundBytesMax + StorageAlignment.block)
        var places = Array(stride(from: position, to: reach, by: StorageAlignment.block))
        places.append(JournalHeader.ringStart)
        for place in places {
            if let header = try header(at: place), header.sequence > sequence { return place }
        }
        return nil
    }
}
