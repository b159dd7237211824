/// A produce request as most of them are: one batch for one partition, to be acknowledged. It is read where it lies, header
/// and body in one go, without the strings and arrays of a `ProduceRequest`: for a batch of one record they cost more than
/// all that is done with it.
///
/// What is not exactly like that is left to `RequestHeader` and `ProduceRequest`: other acknowledgements, transactions,
/// tagged fields, text that is not ASCII, bytes that go on or end early.
package struct SingleProduceRequest {
    package let version: Int16
    package let correlationID: Int32
    /// 1: written; −1: durable.
    package let acks: Int16
    /// Where the topic's name lies in the frame, or its id where the version names topics by that.
    package let topic: Range<Int>
    package let partition: Int32
    package let records: Range<Int>

    /// The versions whose records are batches of message format 2.
    package static var versions: ClosedRange<Int16> {
        ProduceRequest.firstBatchVersion...ProduceRequest.versions.upperBound
    }

    package var namesTopicByID: Bool { version >= ProduceRequest.firstTopicIDVersion }

    /// What the arrays of the same request take as a `ProduceRequest`: requests count for as much whichever way they are
    /// read.
    package static var memory: Int {
        MemoryLayout<ProduceRequest.TopicData>.stride + MemoryLayout<ProduceRequest.PartitionData>.stride
    }

    /// - Parameter frame: a whole one, without its length. nil: it is another request.
    package init?(reading frame: UnsafeRawBufferPointer) {
        var cursor = FrameCursor(frame)
        guard cursor.integer(Int16.self) == ApiKey.produce.rawValue else { return nil }
        version = cursor.integer(Int16.self)
        guard Self.versions.contains(version) else { return nil }
        let isFlexible = version >= ProduceRequest.firstFlexibleVersion
        correlationID = cursor.integer(Int32.self)
        cursor.skipClientID()
        if isFlexible { cursor.expectNoTags() }
        let transactionalID = isFlexible ? cursor.unsignedVarint() - 1 : Int(cursor.integer(Int16.self))
        acks = cursor.integer(Int16.self)
        _ = cursor.integer(Int32.self)
        let topicCount = cursor.length(isFlexible)
        topic =
            version >= ProduceRequest.firstTopicIDVersion
            ? cursor.take(MemoryLayout<UUIDBytes>.size)
            : cursor.takeText(isFlexible ? cursor.unsignedVarint() - 1 : Int(cursor.integer(Int16.self)))
        let partitionCount = cursor.length(isFlexible)
        partition = cursor.integer(Int32.self)
        records = cursor.take(cursor.length(isFlexible))
        // Those of the partition, of the topic and of the request.
        if isFlexible { for _ in 0..<3 { cursor.expectNoTags() } }
        guard cursor.isAtEnd, transactionalID == -1, topicCount == 1, partitionCount == 1, acks == 1 || acks == -1
        else { return nil }
    }
}

/// Goes through a frame. Past what is there, or where something is not as the usual request has it, it says so in the
/// end; until then it gives zeros.
private struct FrameCursor {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0
    private var isGood = true

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// Everything was there, and nothing is left.
    var isAtEnd: Bool { isGood && position == bytes.count }

    @inline(__always)
    mutating func integer<T: FixedWidthInteger>(_ type: T.Type) -> T {
        guard bytes.count - position >= MemoryLayout<T>.size else {
            isGood = false
            return 0
        }
        defer { position += MemoryLayout<T>.size }
        return T(bigEndian: bytes.loadUnaligned(fromByteOffset: position, as: type))
    }

    @inline(__always)
    mutating func take(_ count: Int) -> Range<Int> {
        guard count >= 0, count <= bytes.count - position else {
            isGood = false
            return position..<position
        }
        defer { position += count }
        return position..<position + count
    }

    mutating func unsignedVarint() -> Int {
        var value = 0
        for shift in stride(from: 0, through: 28, by: 7) {
            let byte = integer(UInt8.self)
            // The fifth byte has room for the upper 4 of 32 bits.
            guard shift < 28 || byte <= 0x0f else { break }
            value |= Int(byte & 0x7f) << shift
            if byte < 0x80 { return value }
        }
        isGood = false
        return 0
    }

    /// The length of bytes or the count of an array; -1: null.
    @inline(__always)
    mutating func length(_ isFlexible: Bool) -> Int {
        isFlexible ? unsignedVarint() - 1 : Int(integer(Int32.self))
    }

    /// Text of other letters may be none: that is for others to find out.
    @inline(__always)
    mutating func takeText(_ count: Int) -> Range<Int> {
        let text = take(count)
        for place in text where bytes[place] >= 0x80 { isGood = false }
        return text
    }

    /// Nothing is made of it here.
    mutating func skipClientID() {
        let length = Int(integer(Int16.self))
        if length != -1 { _ = takeText(length) }
    }

    @inline(__always)
    mutating func expectNoTags() {
        if integer(UInt8.self) != 0 { isGood = false }
    }
}
