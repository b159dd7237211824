/// Goes over a batch's records for their outlines. Of an lz4 batch a window is decompressed at a time: however much the
/// batch takes, or one of its records, the memory for it is the window's and what liblz4 keeps of the frame's blocks,
/// which have 4 MiB at most.
package struct RecordWindow: ~Copyable {
    /// What a batch may take when decompressed, in bytes.
    package let limit: Int
    /// How many times its own size a frame may take, where that is more than `anyRatioBytes`.
    package var ratioMax = Int.max
    private static let anyRatioBytes = 1 << 20
    /// As large as the blocks that most clients make.
    package static let defaultByteCount = 64 << 10
    private let memory: UnsafeMutableRawBufferPointer
    private var decoder = LZ4Decoder()

    package init(limit: Int = DecompressionBuffer.defaultLimit, byteCount: Int = defaultByteCount) {
        precondition(byteCount >= Varint.sizeMax, "a window of \(byteCount) bytes has no room for a number")
        self.limit = limit
        memory = .allocate(byteCount: byteCount, alignment: 16)
    }

    deinit { memory.deallocate() }

    /// Calls `body` with each record's outline, until it returns false. Throws as a cursor does.
    package mutating func scan(_ batch: RecordBatchView, _ body: (RecordOutline) -> Bool) throws(BatchError) {
        switch batch.header.compression {
        case .some(.none):
            var cursor = RecordCursor(uncompressed: batch)
            try cursor.scan { body(RecordOutline($0)) }
        case .lz4:
            try LZ4Frame.check(batch.payload, decompressedBytesMax: .max)
            // Stays where it is as long as the batch.
            let frame = batch.payload.withUnsafeBytes { $0 }
            var reader = LZ4FrameReader(
                frame, try decoder.begin(), window: memory, byteCountMax: byteCountMax(of: frame.count))
            defer { if !reader.isAtEnd { decoder.release() } }
            try Self.scan(batch, &reader, body)
        default:
            throw .unsupportedCompression(UInt8(batch.header.attributes.rawValue & 0b111))
        }
    }

    /// What a frame of so many bytes may take.
    private func byteCountMax(of frameBytes: Int) -> Int {
        let (most, isLarge) = frameBytes.multipliedReportingOverflow(by: ratioMax)
        return isLarge ? limit : min(limit, max(Self.anyRatioBytes, most))
    }

    private static func scan(
        _ batch: RecordBatchView, _ reader: inout LZ4FrameReader, _ body: (RecordOutline) -> Bool
    ) throws(BatchError) {
        var place = RecordPlace()
        while place.index < Int(batch.header.recordCount) {
            var cursor = RecordCursor(batch.header, reader.bytes, lifetime: batch.bytes)
            cursor.decodedCount = place.index
            cursor.lastDelta = place.lastDelta
            let goesOn = try cursor.scanWhole(isEnd: reader.isAtEnd, body)
            place = RecordPlace(index: cursor.decodedCount, lastDelta: cursor.lastDelta)
            reader.take(cursor.position)
            guard goesOn else { return }
            if place.index == Int(batch.header.recordCount) { break }
            if try reader.fill() || reader.isAtEnd { continue }
            // The window is full, and holds less than the record.
            var record = LargeRecord(index: place.index)
            let outline = try record.outline(batch.header, &place, &reader)
            guard body(outline) else { return }
        }
        _ = try reader.fill()
        guard reader.bytes.isEmpty else { throw .badRecord(index: place.index, .bytesAfterEnd) }
    }
}

/// How far the reading of a batch has come.
private struct RecordPlace {
    /// Of the next record.
    var index = 0
    /// Of the record before.
    var lastDelta: Int64 = -1
}

extension RecordCursor {
    /// Calls `body` with each record that is whole here, until it returns false: then it does so, too.
    /// - Parameter isEnd: the batch does not go on after these bytes.
    fileprivate mutating func scanWhole(isEnd: Bool, _ body: (RecordOutline) -> Bool) throws(BatchError) -> Bool {
        while decodedCount < Int(header.recordCount), isEnd || holdsNext {
            do {
                let record = try decode()
                decodedCount += 1
                if !body(RecordOutline(record)) { return false }
            } catch {
                throw .badRecord(index: decodedCount, error)
            }
        }
        return true
    }

    /// Whether all of the next record is here, or enough of it to see that it is none.
    private var holdsNext: Bool {
        var place = bytes + position
        guard let length = try? Varint.decode(&place, end: bytes + end) else {
            return end - position >= Varint.sizeMax
        }
        return length <= Int64(bytes + end - place)
    }
}

/// A record that is larger than the window, read field by field: what the fields hold is passed over. The rules are
/// those of `RecordCursor.decode`.
private struct LargeRecord {
    let index: Int
    /// Of the record, in bytes.
    private var left = Int64.max

    init(index: Int) { self.index = index }

    mutating func outline(
        _ header: RecordBatchHeader, _ place: inout RecordPlace, _ reader: inout LZ4FrameReader
    ) throws(BatchError) -> RecordOutline {
        let length = try number(&reader)
        guard length > 0 else { throw problem(.badLength) }
        left = length
        // Attributes, which mean nothing.
        try skip(1, &reader)
        let timestampDelta = try number(&reader)
        let offsetDelta = try number(&reader)
        guard offsetDelta > place.lastDelta, offsetDelta <= Int64(header.lastOffsetDelta) else {
            throw problem(.badOffset)
        }
        let keyByteCount = try field(&reader)
        _ = try field(&reader)
        let headerByteCount = Int(truncatingIfNeeded: left)
        let headerCount = try headers(&reader)
        guard left == 0 else { throw problem(.badLength) }
        place = RecordPlace(index: index + 1, lastDelta: offsetDelta)
        let time = Timestamp(milliseconds: header.baseTimestamp.milliseconds &+ timestampDelta)
        return RecordOutline(
            offset: header.baseOffset.advanced(by: offsetDelta),
            timestamp: header.attributes.usesLogAppendTime ? header.maxTimestamp : time, keyByteCount: keyByteCount,
            headerCount: headerCount, headerByteCount: headerByteCount)
    }

    private mutating func headers(_ reader: inout LZ4FrameReader) throws(BatchError) -> Int {
        let count = try number(&reader)
        // Each takes two bytes or more.
        guard count >= 0, count <= left / 2 else { throw problem(.badLength) }
        for _ in 0..<count {
            guard try field(&reader) != nil else { throw problem(.badLength) }
            _ = try field(&reader)
        }
        return Int(truncatingIfNeeded: count)
    }

    private mutating func number(_ reader: inout LZ4FrameReader) throws(BatchError) -> Int64 {
        if reader.bytes.count < Varint.sizeMax { _ = try reader.fill() }
        let bytes = reader.bytes
        guard let start = bytes.baseAddress else { throw problem(.truncated) }
        var place = start
        let value: Int64
        do {
            value = try Varint.decode(&place, end: start + Int(min(left, Int64(bytes.count))))
        } catch {
            throw problem(error == .truncated ? .truncated : .badVarint)
        }
        left -= Int64(place - start)
        reader.take(place - start)
        return value
    }

    /// Passes over a length and that many bytes, and returns it; nil: there is none.
    private mutating func field(_ reader: inout LZ4FrameReader) throws(BatchError) -> Int? {
        let length = try number(&reader)
        if length == -1 { return nil }
        guard length >= 0, length <= left else { throw problem(.badLength) }
        try skip(length, &reader)
        return Int(truncatingIfNeeded: length)
    }

    private mutating func skip(_ count: Int64, _ reader: inout LZ4FrameReader) throws(BatchError) {
        left -= count
        var rest = count
        while rest > 0 {
            if reader.bytes.isEmpty, try !reader.fill() { throw problem(.truncated) }
            let step = min(rest, Int64(reader.bytes.count))
            reader.take(Int(step))
            rest -= step
        }
    }

    private func problem(_ problem: BatchError.RecordProblem) -> BatchError { .badRecord(index: index, problem) }
}
