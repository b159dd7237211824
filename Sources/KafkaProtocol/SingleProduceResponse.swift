package import NIOCore

/// The answer to a `SingleProduceRequest` whose batch was taken. It is written in one go, header and body: the same bytes
/// as those of a `ProduceResponse`, without its arrays.
package struct SingleProduceResponse {
    package var version: Int16
    package var correlationID: Int32
    /// Where the version names topics so.
    package var topicName: String
    package var topicID: UUIDBytes
    package var partition: Int32
    package var baseOffset: Int64
    /// -1 unless the topic's timestamps are those of the append.
    package var logAppendTimeMs: Int64
    package var logStartOffset: Int64

    package init(
        version: Int16, correlationID: Int32, topicName: String, topicID: UUIDBytes, partition: Int32,
        baseOffset: Int64, logAppendTimeMs: Int64, logStartOffset: Int64
    ) {
        self.version = version
        self.correlationID = correlationID
        self.topicName = topicName
        self.topicID = topicID
        self.partition = partition
        self.baseOffset = baseOffset
        self.logAppendTimeMs = logAppendTimeMs
        self.logStartOffset = logStartOffset
    }

    /// All but the topic's name takes less.
    private static let fixedBytesMax = 96

    /// Appends the frame to `buffer`, which may hold others already.
    package func append(to buffer: inout ByteBuffer) {
        var name = topicName
        name.withUTF8 { name in
            precondition(name.count <= Int(Int16.max), "a topic's name of \(name.count) bytes")
            _ = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.fixedBytesMax + name.count) { memory in
                var frame = FrameFiller(memory)
                write(topicName: name, to: &frame)
                return frame.finish()
            }
        }
    }

    @inline(__always)
    private func write(topicName: UnsafeBufferPointer<UInt8>, to frame: inout FrameFiller) {
        let isFlexible = version >= ProduceResponse.firstFlexibleVersion
        frame.integer(correlationID)
        if isFlexible { frame.noTags() }
        frame.count(1, isFlexible)
        if version >= ProduceRequest.firstTopicIDVersion {
            frame.integer(topicID.high)
            frame.integer(topicID.low)
        } else {
            frame.text(topicName, isFlexible)
        }
        frame.count(1, isFlexible)
        frame.integer(partition)
        frame.integer(ErrorCode.none.rawValue)
        frame.integer(baseOffset)
        if version >= 2 { frame.integer(logAppendTimeMs) }
        if version >= 5 { frame.integer(logStartOffset) }
        if version >= 8 {
            // No record is at fault, and there is no message.
            frame.count(0, isFlexible)
            if isFlexible { frame.integer(0 as UInt8) } else { frame.integer(-1 as Int16) }
        }
        // Those of the partition and of the topic.
        if isFlexible { for _ in 0..<2 { frame.noTags() } }
        if version >= 1 { frame.integer(0 as Int32) }
        if isFlexible { frame.noTags() }
    }
}

/// Fills memory that has room for the whole of a frame, behind the place for its length.
private struct FrameFiller {
    private let memory: UnsafeMutableRawBufferPointer
    private var position = Frame.lengthPrefix

    init(_ memory: UnsafeMutableRawBufferPointer) { self.memory = memory }

    @inline(__always)
    mutating func integer<T: FixedWidthInteger>(_ value: T) {
        memory.storeBytes(of: value.bigEndian, toByteOffset: position, as: T.self)
        position += MemoryLayout<T>.size
    }

    @inline(__always)
    mutating func noTags() { integer(0 as UInt8) }

    /// Of an array.
    @inline(__always)
    mutating func count(_ count: Int32, _ isFlexible: Bool) {
        if isFlexible { unsignedVarint(UInt16(truncatingIfNeeded: count + 1)) } else { integer(count) }
    }

    @inline(__always)
    mutating func text(_ text: UnsafeBufferPointer<UInt8>, _ isFlexible: Bool) {
        let length = UInt16(truncatingIfNeeded: text.count)
        if isFlexible { unsignedVarint(length + 1) } else { integer(length) }
        UnsafeMutableRawBufferPointer(rebasing: memory[position...]).copyMemory(from: UnsafeRawBufferPointer(text))
        position += text.count
    }

    @inline(__always)
    private mutating func unsignedVarint(_ value: UInt16) {
        var rest = value
        while rest >= 0x80 {
            integer(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        integer(UInt8(truncatingIfNeeded: rest))
    }

    /// Puts the length in its place. Returns how many bytes the frame has, with it.
    func finish() -> Int {
        let length = UInt32(truncatingIfNeeded: position - Frame.lengthPrefix)
        memory.storeBytes(of: length.bigEndian, toByteOffset: 0, as: UInt32.self)
        return position
    }
}
