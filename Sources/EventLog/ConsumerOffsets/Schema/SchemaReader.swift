/// Reads the fields of a key or value by Kafka's schema language. The bytes are foreign: every length is checked.
///
/// In a flexible version lengths are unsigned varints of one more, 0 for null, and each struct ends with tagged fields;
/// before, strings have a length of 16 bits, bytes and arrays of 32, -1 for null.
struct SchemaReader: ~Escapable {
    private let bytes: RawSpan
    private var position = 0
    let isFlexible: Bool

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan, isFlexible: Bool = false) {
        self.bytes = bytes
        self.isFlexible = isFlexible
    }

    /// What follows the version that a value begins with.
    @_lifetime(copy bytes)
    init(value bytes: RawSpan, versions: ClosedRange<Int16>, flexibleFrom: Int16) throws(SchemaError) {
        var head = SchemaReader(bytes)
        let version = try head.int16()
        guard versions.contains(version) else { throw .unsupportedVersion(version) }
        self.init(bytes.extracting(2..<bytes.byteCount), isFlexible: version >= flexibleFrom)
    }

    private var remaining: Int { bytes.byteCount - position }

    private mutating func integer<N: FixedWidthInteger & BitwiseCopyable>(_ type: N.Type) throws(SchemaError) -> N {
        guard remaining >= MemoryLayout<N>.size else { throw .endedEarly }
        defer { position += MemoryLayout<N>.size }
        return N(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: position, as: N.self))
    }

    mutating func int8() throws(SchemaError) -> Int8 { try integer(Int8.self) }
    mutating func int16() throws(SchemaError) -> Int16 { try integer(Int16.self) }
    mutating func int32() throws(SchemaError) -> Int32 { try integer(Int32.self) }
    mutating func int64() throws(SchemaError) -> Int64 { try integer(Int64.self) }

    mutating func topicID() throws(SchemaError) -> TopicID {
        TopicID(high: UInt64(bitPattern: try int64()), low: UInt64(bitPattern: try int64()))
    }

    mutating func unsignedVarint() throws(SchemaError) -> UInt32 {
        var value: UInt32 = 0
        for shift in stride(from: UInt32(0), to: 35, by: 7) {
            let byte = UInt8(bitPattern: try int8())
            // The fifth byte has room for four bits.
            guard shift < 28 || byte < 0x10 else { throw .badLength }
            value |= UInt32(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw .badLength
    }

    /// nil: null.
    private mutating func length(_ short: Bool) throws(SchemaError) -> Int? {
        if isFlexible {
            let value = Int(try unsignedVarint())
            return value == 0 ? nil : value - 1
        }
        let value = short ? Int(try int16()) : Int(try int32())
        guard value >= -1 else { throw .badLength }
        return value == -1 ? nil : value
    }

    private mutating func field(_ count: Int) throws(SchemaError) -> [UInt8] {
        guard count <= remaining else { throw .badLength }
        defer { position += count }
        return bytes.extracting(position..<position + count).withUnsafeBytes { Array($0) }
    }

    mutating func nullableString() throws(SchemaError) -> String? {
        guard let count = try length(true) else { return nil }
        guard count <= remaining else { throw .badLength }
        let text = bytes.extracting(position..<position + count).withUnsafeBytes {
            String(validating: $0, as: UTF8.self)
        }
        guard let text else { throw .badText }
        position += count
        return text
    }

    mutating func string() throws(SchemaError) -> String {
        guard let text = try nullableString() else { throw .badLength }
        return text
    }

    mutating func byteArray() throws(SchemaError) -> [UInt8] {
        guard let count = try length(false) else { throw .badLength }
        return try field(count)
    }

    /// An array; each element takes a byte at least. nil: null.
    mutating func nullableArray<T>(
        _ element: (inout SchemaReader) throws(SchemaError) -> T
    ) throws(SchemaError) -> [T]? {
        guard let count = try length(false) else { return nil }
        guard count <= remaining else { throw .badLength }
        var elements: [T] = []
        for _ in 0..<count { elements.append(try element(&self)) }
        return elements
    }

    mutating func array<T>(_ element: (inout SchemaReader) throws(SchemaError) -> T) throws(SchemaError) -> [T] {
        guard let elements = try nullableArray(element) else { throw .badLength }
        return elements
    }

    /// The end of a struct: its tagged fields, of which `body` reads those it knows.
    mutating func tags(
        _ body: (UInt32, inout SchemaReader) throws(SchemaError) -> Void = { (_, _) throws(SchemaError) in }
    ) throws(SchemaError) {
        guard isFlexible else { return }
        for _ in 0..<(try unsignedVarint()) {
            let tag = try unsignedVarint()
            let size = Int(try unsignedVarint())
            guard size <= remaining else { throw .badLength }
            var field = SchemaReader(bytes.extracting(position..<position + size), isFlexible: true)
            try body(tag, &field)
            position += size
        }
    }
}
