public import NIOCore

/// Fills a message's fields from the bytes of its body. Every length is checked against what is left before anything is
/// allocated, and nothing here can trap on what the bytes say.
@usableFromInline package struct ProtocolReader: Coder {
    /// Enough for any honest request (a Fetch of 100,000 partitions has little more), few enough that a frame full of
    /// empty elements stays below 50 MB in memory.
    @usableFromInline package static let elementsMax = 1 << 18
    /// An array grows past this only as its elements are really there.
    @usableFromInline
    static let elementsReservedMax = 1024
    /// Arrays up to this count are read without a look at how small their elements can be.
    @usableFromInline
    static let fewElements = 64
    /// What the arrays of one message may take in memory: on the wire an element may be a byte or two.
    @usableFromInline package static let memoryMax = 32 << 20

    @usableFromInline package let version: Int16
    @usableFromInline package let isFlexible: Bool
    /// Keeps the bytes: nobody can change them while this has them, too, and they stay where they are.
    @usableFromInline
    let buffer: ByteBuffer
    /// Where they lie. Read by this, since a `ByteBuffer` looks for exclusive access at every integer.
    @usableFromInline
    var bytes: UnsafeRawBufferPointer
    /// How many of them are read.
    @usableFromInline
    var offset = 0
    @usableFromInline
    var elementsLeft: Int
    /// What the arrays that were read take in memory, in bytes.
    @usableFromInline
    package var memory = 0
    /// While the content of a tagged field is read: its number.
    @usableFromInline
    var currentTag: UInt32?

    @inlinable
    package init(
        _ body: ByteBuffer, version: Int16, isFlexible: Bool, elementsMax: Int = ProtocolReader.elementsMax
    ) {
        self.buffer = body
        self.bytes = body.withUnsafeReadableBytesWithStorageManagement { bytes, _ in bytes }
        self.version = version
        self.isFlexible = isFlexible
        self.elementsLeft = elementsMax
    }

    /// Goes on in the place of another, up to `end`.
    @inlinable
    init(_ other: ProtocolReader, upTo end: Int, inTag tag: UInt32) {
        self = other
        bytes = UnsafeRawBufferPointer(rebasing: other.bytes[..<end])
        currentTag = tag
    }

    /// What has not been read yet.
    @inlinable
    package var remainder: ByteBuffer {
        var rest = buffer
        rest.moveReaderIndex(forwardBy: offset)
        return rest
    }

    @inlinable
    var bytesLeft: Int { bytes.count - offset }

    /// In the frame.
    @usableFromInline
    var position: Int { buffer.readerIndex + offset }

    @inline(never)
    @usableFromInline
    func truncated(needing needed: Int) -> ProtocolError {
        .truncated(position: position, needed: needed, have: bytesLeft)
    }
}

// MARK: Primitives

extension ProtocolReader {
    @inlinable
    mutating func integer<T: FixedWidthInteger>(_ type: T.Type) throws(ProtocolError) -> T {
        let size = MemoryLayout<T>.size
        guard size <= bytesLeft else { throw truncated(needing: size) }
        let value = bytes.loadUnaligned(fromByteOffset: offset, as: type)
        offset += size
        return T(bigEndian: value)
    }

    @inlinable
    package mutating func bool(_ value: inout Bool) throws(ProtocolError) { value = try integer(UInt8.self) != 0 }
    @inlinable
    package mutating func int8(_ value: inout Int8) throws(ProtocolError) { value = try integer(Int8.self) }
    @inlinable
    package mutating func int16(_ value: inout Int16) throws(ProtocolError) { value = try integer(Int16.self) }
    @inlinable
    package mutating func int32(_ value: inout Int32) throws(ProtocolError) { value = try integer(Int32.self) }
    @inlinable
    package mutating func int64(_ value: inout Int64) throws(ProtocolError) { value = try integer(Int64.self) }

    @inlinable
    package mutating func uuid(_ value: inout UUIDBytes) throws(ProtocolError) {
        value = UUIDBytes(high: try integer(UInt64.self), low: try integer(UInt64.self))
    }

    @inlinable
    mutating func unsignedVarint() throws(ProtocolError) -> UInt32 {
        var value: UInt32 = 0
        var shift: UInt32 = 0
        while true {
            let byte = try integer(UInt8.self)
            // The fifth byte has room for the upper 4 of 32 bits.
            guard shift < 28 || byte <= 0x0f else { throw .varintTooLong(position: position) }
            value |= UInt32(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
    }
}

// MARK: Lengths

extension ProtocolReader {
    /// The length of a string; `nil` is null.
    @inlinable
    mutating func stringLength(nullable: Bool) throws(ProtocolError) -> Int? {
        let length = isFlexible ? Int(try unsignedVarint()) - 1 : Int(try integer(Int16.self))
        return try checked(length, nullable: nullable)
    }

    /// The length of bytes or the count of an array; `nil` is null.
    @inlinable
    mutating func length(nullable: Bool) throws(ProtocolError) -> Int? {
        let length = isFlexible ? Int(try unsignedVarint()) - 1 : Int(try integer(Int32.self))
        return try checked(length, nullable: nullable)
    }

    @inlinable
    func checked(_ length: Int, nullable: Bool) throws(ProtocolError) -> Int? {
        if length >= 0 { return length }
        guard length == -1 else { throw .invalidLength(position: position, length: length) }
        guard nullable else { throw .unexpectedNull(position: position) }
        return nil
    }
}

// MARK: Strings and bytes

extension ProtocolReader {
    @inlinable
    package mutating func string(_ value: inout String) throws(ProtocolError) {
        // `checked` has thrown for null.
        value = try text(length: try stringLength(nullable: false) ?? 0)
    }

    @inlinable
    package mutating func string(_ value: inout String?, nullable: Bool) throws(ProtocolError) {
        guard let length = try stringLength(nullable: nullable) else { return value = nil }
        value = try text(length: length)
    }

    @inlinable
    mutating func text(length: Int) throws(ProtocolError) -> String {
        guard length <= bytesLeft else { throw truncated(needing: length) }
        guard let text = String(validating: bytes[offset..<offset + length], as: UTF8.self) else {
            throw .invalidUTF8(position: position)
        }
        offset += length
        return text
    }

    @inlinable
    package mutating func bytes(_ value: inout ByteBuffer?) throws(ProtocolError) {
        guard let length = try length(nullable: true) else { return value = nil }
        value = try slice(length: length)
    }

    @inlinable
    package mutating func bytes(_ value: inout ByteBuffer) throws(ProtocolError) {
        // `checked` has thrown for null.
        value = try slice(length: try length(nullable: false) ?? 0)
    }

    @inlinable
    package mutating func records(_ value: inout FetchRecords) throws(ProtocolError) {
        guard let length = try length(nullable: true) else { return value = .none }
        value = .buffer(try slice(length: length))
    }

    @inlinable
    mutating func slice(length: Int) throws(ProtocolError) -> ByteBuffer {
        guard length <= bytesLeft, let slice = buffer.getSlice(at: position, length: length) else {
            throw truncated(needing: length)
        }
        offset += length
        return slice
    }
}

// MARK: Arrays

extension ProtocolReader {
    @usableFromInline package mutating func array(_ value: inout [Int32]) throws(ProtocolError) {
        value = try integers(count: try length(nullable: false) ?? 0)
    }

    @usableFromInline package mutating func array(_ value: inout [Int32]?) throws(ProtocolError) {
        guard let count = try length(nullable: true) else { return value = nil }
        value = try integers(count: count)
    }

    private mutating func integers(count: Int) throws(ProtocolError) -> [Int32] {
        try elements(count: count, ofAtLeast: 4) { (reader) throws(ProtocolError) in
            try reader.integer(Int32.self)
        }
    }

    @usableFromInline package mutating func array(_ value: inout [String]) throws(ProtocolError) {
        value = try strings(count: try length(nullable: false) ?? 0)
    }

    @usableFromInline package mutating func array(_ value: inout [String]?) throws(ProtocolError) {
        guard let count = try length(nullable: true) else { return value = nil }
        value = try strings(count: count)
    }

    private mutating func strings(count: Int) throws(ProtocolError) -> [String] {
        try elements(count: count, ofAtLeast: isFlexible ? 1 : 2) { (reader) throws(ProtocolError) in
            var text = ""
            try reader.string(&text)
            return text
        }
    }

    @inlinable
    package mutating func array<Element: WireStruct>(_ value: inout [Element]) throws(ProtocolError) {
        value = try structs(count: try length(nullable: false) ?? 0)
    }

    @inlinable
    package mutating func array<Element: WireStruct>(
        _ value: inout [Element]?, nullable: Bool
    ) throws(ProtocolError) {
        guard let count = try length(nullable: nullable) else { return value = nil }
        value = try structs(count: count)
    }

    @inlinable
    mutating func structs<Element: WireStruct>(count: Int) throws(ProtocolError) -> [Element] {
        // A few cannot cost much, and hot requests have no more.
        let smallest =
            count <= Self.fewElements
            ? 1 : SmallestSize.of(Element.self, version: version, isFlexible: isFlexible)
        return try elements(count: count, ofAtLeast: smallest) { (reader) throws(ProtocolError) in
            var element = Element()
            try element.code(&reader)
            return element
        }
    }

    /// - Parameter byteCount: no element is shorter on the wire, which bounds what `count` may promise.
    @inlinable
    mutating func elements<Element>(
        count: Int, ofAtLeast byteCount: Int,
        read: (inout ProtocolReader) throws(ProtocolError) -> Element
    ) throws(ProtocolError) -> [Element] {
        guard count <= bytesLeft / byteCount else {
            throw .invalidLength(position: position, length: count)
        }
        guard count <= elementsLeft else { throw .tooManyElements(position: position, limit: elementsLeft) }
        elementsLeft -= count
        // An element is no larger than a few hundred bytes, and the count was checked: this does not overflow.
        memory += count * MemoryLayout<Element>.stride
        guard memory <= Self.memoryMax else { throw .tooMuchMemory(position: position, limit: Self.memoryMax) }
        var elements: [Element] = []
        elements.reserveCapacity(min(count, Self.elementsReservedMax))
        for _ in 0..<count { elements.append(try read(&self)) }
        return elements
    }
}

// MARK: Structs that may be null

extension ProtocolReader {
    @inlinable
    package mutating func optional<Struct: WireStruct>(_ value: inout Struct?) throws(ProtocolError) {
        // Any byte that is not negative stands for a value, as in Apache Kafka.
        guard try integer(Int8.self) >= 0 else { return value = nil }
        var content = Struct()
        try content.code(&self)
        value = content
    }
}

// MARK: Tagged fields

extension ProtocolReader {
    @inlinable
    package mutating func tags(
        _ fields: (inout ProtocolReader) throws(ProtocolError) -> Void
    ) throws(ProtocolError) {
        guard isFlexible else { return }
        for _ in 0..<(try tagCount()) {
            let number = try unsignedVarint()
            let end = try endOfTag()
            var field = ProtocolReader(self, upTo: end, inTag: number)
            try fields(&field)
            elementsLeft = field.elementsLeft
            memory = field.memory
            offset = end
        }
    }

    @inlinable
    package mutating func tags() throws(ProtocolError) {
        guard isFlexible else { return }
        for _ in 0..<(try tagCount()) {
            _ = try unsignedVarint()
            offset = try endOfTag()
        }
    }

    /// Where the content ends whose length comes next.
    @inlinable
    mutating func endOfTag() throws(ProtocolError) -> Int {
        let length = Int(try unsignedVarint())
        guard length <= bytesLeft else { throw truncated(needing: length) }
        return offset + length
    }

    /// Each takes two bytes at least: its number, and its length.
    @inlinable
    mutating func tagCount() throws(ProtocolError) -> UInt32 {
        let count = try unsignedVarint()
        guard Int(count) <= bytesLeft / 2 else {
            throw .invalidLength(position: position, length: Int(count))
        }
        return count
    }

    @inlinable
    package mutating func tag(
        _ number: UInt32, isDefault: Bool, _ field: (inout ProtocolReader) throws(ProtocolError) -> Void
    ) throws(ProtocolError) {
        guard currentTag == number else { return }
        try field(&self)
        guard bytesLeft == 0 else { throw .trailingBytes(count: bytesLeft) }
    }
}
