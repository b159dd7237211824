import Storage

@testable import EventLog

/// An input is patches of a journal of one round: in turn a place and the bytes there.
enum JournalTarget {
    private static let nonce: UInt64 = 0x0102_0304_0506_0708
    private static let capacity = 64 << 10

    static func run(_ input: inout FuzzInput) {
        let choice = input.byte()
        if choice & 1 == 0 { round(input.rest()) } else { header(input.rest()) }
        if choice & 2 != 0 { ring(input) }
    }

    private static func header(_ bytes: [UInt8]) {
        var bytes = bytes
        let checked = bytes.number(at: 32, as: UInt32.self) == 1 ? 64 : JournalHeader.checkedSize
        if bytes.count > checked { bytes.patch(crc32c(bytes[..<checked]), at: checked) }
        guard let header = JournalHeader(decoding: bytes[...]) else { return }
        precondition(JournalHeader(decoding: header.encoded()[...]) == header, "a header that was written is another")
        ring(header)
    }

    /// What recovery does with a header: looks for the round that it names, and for later ones.
    private static func ring(_ header: JournalHeader) {
        let reader = RingReader(MemoryFile(ringBytes), nonce: nonce, capacity: capacity)
        _ = try? reader.round(header.tailSequence, near: header.tailPosition)
        _ = try? reader.laterRound(than: header.tailSequence, from: header.tailPosition)
    }

    private static let ringBytes: [UInt8] = {
        var bytes = [UInt8](repeating: 0, count: capacity)
        bytes.replaceSubrange(JournalHeader.ringStart..<JournalHeader.ringStart + sample.count, with: sample)
        return bytes
    }()

    private static func ring(_ input: FuzzInput) {
        var input = input
        var bytes = ringBytes
        while !input.isEmpty {
            let at = Int(input.int16()) % (capacity - 300)
            let piece = input.bytes(1 + Int(input.byte() & 31))
            bytes.replaceSubrange(at..<at + piece.count, with: piece)
        }
        let reader = RingReader(MemoryFile(bytes), nonce: nonce, capacity: capacity)
        _ = try? reader.round(1, near: JournalHeader.ringStart)
        _ = try? reader.laterRound(than: 0, from: JournalHeader.ringStart + StorageAlignment.block)
    }

    private static func round(_ bytes: [UInt8]) {
        var bytes = bytes
        repair(&bytes)
        bytes += [UInt8](repeating: 0, count: StorageAlignment.roundUp(bytes.count) - bytes.count)
        bytes.withUnsafeBytes { bytes in
            guard let round = try? JournalRound(checking: bytes, nonce: nonce) else { return }
            round.forEachEntry { entry, pieces in
                precondition(pieces.reduce(0) { $0 + $1.count } == entry.byteCount, "bytes of another number")
            }
        }
    }

    /// Nonce, lengths as far as there are bytes, and checksums of entries, footer and header.
    private static func repair(_ bytes: inout [UInt8]) {
        guard bytes.count >= RoundLayout.headerSize else { return }
        bytes.patch(RoundLayout.magic, at: RoundLayout.magicField)
        bytes.patch(nonce, at: RoundLayout.nonce)
        bytes.patch(RoundLayout.version, at: RoundLayout.versionField)
        let payload = Int(bytes.number(at: RoundLayout.payloadLength, as: UInt32.self) ?? 0)
        let footer = Int(bytes.number(at: RoundLayout.footerLength, as: UInt32.self) ?? 0)
        let entries = Int(bytes.number(at: RoundLayout.entryCount, as: UInt32.self) ?? 0)
        let start = RoundLayout.headerSize + payload
        if start + footer <= bytes.count {
            var at = start
            for _ in 0..<min(entries, 64) where at + RoundEntryLayout.size <= start + footer {
                let runs = Int(bytes.number(at: at + RoundEntryLayout.runCount, as: UInt32.self) ?? 0)
                let first = at + RoundEntryLayout.size
                guard runs <= (start + footer - first) / RoundEntryLayout.runSize else { break }
                var crc: UInt32 = 0
                for run in 0..<runs {
                    let place = Int(bytes.number(at: first + run * 8, as: UInt32.self) ?? 0)
                    let count = Int(bytes.number(at: first + run * 8 + 4, as: UInt32.self) ?? 0)
                    guard place + count <= payload else { break }
                    let from = RoundLayout.headerSize + place
                    crc = bytes[from..<from + count].withUnsafeBytes { crc32c($0, seed: crc) }
                }
                bytes.patch(crc, at: at + RoundEntryLayout.crc)
                at = first + runs * RoundEntryLayout.runSize
            }
            bytes.patch(crc32c(bytes[start..<start + footer]), at: RoundLayout.footerCRC)
        }
        bytes.patch(crc32c(bytes[..<RoundLayout.headerCRC]), at: RoundLayout.headerCRC)
    }

    /// A round of two entries, one of them in two pieces.
    private static let sample: [UInt8] = {
        let payload = [UInt8](0..<200)
        var footer: [UInt8] = []
        for (partition, runs) in [[(0, 50), (120, 30)], [(50, 70)]].enumerated() {
            var entry = [UInt8](repeating: 0, count: RoundEntryLayout.size)
            entry.patch(7 as UInt64, at: RoundEntryLayout.topicHigh)
            entry.patch(UInt32(partition), at: RoundEntryLayout.partition)
            entry.patch(UInt32(runs.count), at: RoundEntryLayout.runCount)
            entry.patch(4 as Int64, at: RoundEntryLayout.endOffset)
            entry.patch(UInt32(runs.reduce(0) { $0 + $1.1 }), at: RoundEntryLayout.byteCount)
            for (start, length) in runs {
                var run = [UInt8](repeating: 0, count: RoundEntryLayout.runSize)
                run.patch(UInt32(start), at: 0)
                run.patch(UInt32(length), at: 4)
                entry += run
            }
            footer += entry
        }
        var round = [UInt8](repeating: 0, count: RoundLayout.headerSize) + payload + footer
        round.patch(1 as UInt32, at: RoundLayout.epoch)
        round.patch(1 as UInt64, at: RoundLayout.sequence)
        round.patch(UInt32(payload.count), at: RoundLayout.payloadLength)
        round.patch(UInt32(footer.count), at: RoundLayout.footerLength)
        round.patch(2 as UInt32, at: RoundLayout.entryCount)
        repair(&round)
        return round
    }()

    static func seeds() throws -> [[UInt8]] {
        let header = JournalHeader(
            nonce: nonce, directory: TopicID(high: 1, low: 2), epoch: 3, generation: 4,
            tailPosition: JournalHeader.ringStart, tailSequence: 1, isClosed: false)
        let headerPatch: [UInt8] = [0x20, 0x18, 7, 0, 0, 0, 0, 0, 0, 0, 2]
        return [[0] + sample, [1] + header.encoded(), [2] + sample, [3] + headerPatch]
    }
}
