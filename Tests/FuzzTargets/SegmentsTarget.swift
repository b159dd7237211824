@testable import EventLog
@testable import RecordFormat

/// An input is a segment and its two indexes: lengths of the indexes, these, and the rest is the segment.
enum SegmentsTarget {
    static func run(_ input: inout FuzzInput) {
        let choice = input.byte()
        let (offsetBytes, timeBytes) = (input.number(below: 256), input.number(below: 256))
        let index = SealedIndex(offsets: mapped(input.bytes(offsetBytes)), times: mapped(input.bytes(timeBytes)))
        var segment = input.rest()
        if choice & 1 != 0 { repair(&segment) }
        let file = MemoryFile(segment)
        let base = Offset(choice & 2 == 0 ? 0 : 5)
        let found = walk(file, segment.count, base, interval: choice & 4 == 0 ? 1 : 4096)
        // It takes a megabyte, which is slow to have and give back under AddressSanitizer.
        if found > 0 || choice & 0xF0 == 0 { scan(file, segment.count) }
        look(index, file, segment.count, base)
    }

    /// Makes the checksums of the batches right, as far as their lengths lead from one to the next.
    static func repair(_ segment: inout [UInt8]) {
        var at = 0
        while segment.count - at >= RecordBatchLayout.headerSize {
            segment[at + RecordBatchLayout.magic] = UInt8(RecordBatchLayout.currentMagic)
            guard let length = segment.number(at: at + RecordBatchLayout.batchLength, as: Int32.self),
                length >= RecordBatchLayout.headerSize - RecordBatchLayout.lengthPrefix,
                Int(length) <= segment.count - at - RecordBatchLayout.lengthPrefix
            else { return }
            let end = at + RecordBatchLayout.lengthPrefix + Int(length)
            segment.patch(crc32c(segment[(at + RecordBatchLayout.attributes)..<end]), at: at + RecordBatchLayout.crc)
            at = end
        }
    }

    /// How many batches there are.
    private static func walk(_ file: MemoryFile, _ count: Int, _ base: Offset, interval: Int) -> Int {
        var walk = BatchWalk(file, from: 0, to: count, windowSize: 128)
        var index = GrowingIndex()
        var end = base
        var found = 0
        while let batch = try? walk.next() {
            // As the writer does: what does not come after what is there is no batch of this segment.
            guard batch.baseOffset >= end, batch.lastOffset >= batch.baseOffset,
                let relative = UInt32(exactly: batch.lastOffset.distance(from: base)), relative <= UInt32(Int32.max)
            else { break }
            index.add(batch, base: base, interval: interval)
            end = batch.lastOffset
            found += 1
        }
        return found
    }

    private static func scan(_ file: MemoryFile, _ count: Int) {
        var scan = BatchScan(file, from: 0, to: count)
        while let found = try? scan.next() {
            precondition(found.bytes.count == found.batch.byteCount, "a batch of another length")
        }
        var skipping = BatchScan(file, from: 0, to: count)
        while let batch = try? skipping.nextHeader() { skipping.skip(batch) }
    }

    private static func look(_ index: SealedIndex, _ file: MemoryFile, _ count: Int, _ base: Offset) {
        for offset in [0, 1, 7, 1 << 20, UInt32.max] {
            guard let entry = index.entry(atOrBelow: offset) else { continue }
            _ = try? IndexCheck.holds(
                TimeIndexEntry(timestamp: 1, relativeOffset: offset), base: base,
                BatchWalk(file, from: min(Int(entry.position), count), to: count, base: base))
        }
        for time in [Int64.min, 0, 1_700_000_000_000, .max] { _ = index.entry(before: time) }
        let sealed = SegmentIndex.sealed(index)
        _ = sealed.maxTimestamp
        _ = sealed.timeEntry(below: 100)
    }

    static func seeds() throws -> [[UInt8]] {
        var segment: [UInt8] = []
        var next: Int64 = 0
        for batch in try Vectors.batches() where batch.count < 300 {
            var batch = batch
            batch.patch(next, at: RecordBatchLayout.baseOffset)
            next += Int64(batch.number(at: RecordBatchLayout.lastOffsetDelta, as: Int32.self) ?? 0) + 1
            segment += batch
        }
        let offsets: [UInt8] = [0, 0, 0, 1, 0, 0, 0, 100, 0, 0, 0, 3, 0, 0, 0, 200]
        let times: [UInt8] = [0, 0, 1, 0x8b, 0xcf, 0xe5, 0x68, 0, 0, 0, 0, 2]
        let indexes = [UInt8(offsets.count), UInt8(times.count)] + offsets + times
        return (0..<8).map { [$0] + indexes + segment.prefix($0 & 1 == 0 ? 400 : 2000) }
    }
}
