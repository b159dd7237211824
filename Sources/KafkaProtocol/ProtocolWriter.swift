public import NIOCore

/// Appends a message's fields to a buffer. Records that the sender puts on the wire itself are counted in every length
/// and noted in `externalRanges`.
@usableFromInline package struct ProtocolWriter: Coder {
    @usableFromInline package let version: Int16
    @usableFromInline package let isFlexible: Bool
    @usableFromInline package var buffer: ByteBuffer
    @usableFromInline package var externalRanges: [ExternalRange] = []
    @usableFromInline
    var tagPass: TagPass = .writing

    /// Tagged fields are preceded by their count, so `tags` runs its fields twice.
    @usableFromInline
    enum TagPass {
        case counting(UInt32)
        case writing
    }

    @inlinable
    package init(appendingTo buffer: consuming ByteBuffer = ByteBuffer(), version: Int16, isFlexible: Bool) {
        self.buffer = buffer
        self.version = version
        self.isFlexible = isFlexible
    }
}

// MARK: Primitives

extension ProtocolWriter {
    @inlinable
    package mutating func bool(_ value: inout Bool) { buffer.writeInteger(value ? 1 : 0, as: UInt8.self) }
    @inlinable
    package mutating func int8(_ value: inout Int8) { buffer.writeInteger(value) }
    @inlinable
    package mutating func int16(_ value: inout Int16) { buffer.writeInteger(value) }
    @inlinable
    package mutating func int32(_ value: inout Int32) { buffer.writeInteger(value) }
    @inlinable
    package mutating func int64(_ value: inout Int64) { buffer.writeInteger(value) }

    @inlinable
    package mutating func uuid(_ value: inout UUIDBytes) {
        buffer.writeInteger(value.high)
        buffer.writeInteger(value.low)
    }

    @inlinable
    mutating func unsignedVarint(_ value: UInt32) {
        var rest = value
        while rest >= 0x80 {
            buffer.writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        buffer.writeInteger(UInt8(truncatingIfNeeded: rest))
    }
}

// MARK: Lengths

extension ProtocolWriter {
    /// The length of a string; −1 is null.
    @inlinable
    mutating func stringLength(_ length: Int) throws(ProtocolError) {
        guard length <= Int(Int16.max) else { throw .tooLong(length: length, limit: Int(Int16.max)) }
        if isFlexible {
            unsignedVarint(UInt32(truncatingIfNeeded: length + 1))
        } else {
            buffer.writeInteger(Int16(truncatingIfNeeded: length))
        }
    }

    /// The length of bytes or the count of an array; −1 is null.
    @inlinable
    mutating func length(_ length: Int) throws(ProtocolError) {
        guard length < Int(Int32.max) else { throw .tooLong(length: length, limit: Int(Int32.max) - 1) }
        if isFlexible {
            unsignedVarint(UInt32(truncatingIfNeeded: length + 1))
        } else {
            buffer.writeInteger(Int32(truncatingIfNeeded: length))
        }
    }

    @inline(never)
    @usableFromInline
    func unexpectedNull() -> ProtocolError { .unexpectedNull(position: buffer.writerIndex) }
}

// MARK: Strings and bytes

extension ProtocolWriter {
    @inlinable
    package mutating func string(_ value: inout String) throws(ProtocolError) {
        try stringLength(value.utf8.count)
        buffer.writeString(value)
    }

    @inlinable
    package mutating func string(_ value: inout String?, nullable: Bool) throws(ProtocolError) {
        if var text = value { return try string(&text) }
        guard nullable else { throw unexpectedNull() }
        try stringLength(-1)
    }

    @inlinable
    package mutating func bytes(_ value: inout ByteBuffer?) throws(ProtocolError) {
        if var bytes = value { try self.bytes(&bytes) } else { try length(-1) }
    }

    @inlinable
    package mutating func bytes(_ value: inout ByteBuffer) throws(ProtocolError) {
        try length(value.readableBytes)
        buffer.writeImmutableBuffer(value)
    }

    @inlinable
    package mutating func records(_ value: inout FetchRecords) throws(ProtocolError) {
        switch value {
        case .none:
            try length(-1)
        case .buffer(let bytes):
            try length(bytes.readableBytes)
            buffer.writeImmutableBuffer(bytes)
        case .external(let byteCount):
            precondition(byteCount >= 0, "a negative count of external bytes")
            try length(byteCount)
            externalRanges.append(ExternalRange(position: buffer.writerIndex, byteCount: byteCount))
        }
    }
}

// MARK: Arrays

extension ProtocolWriter {
    @usableFromInline package mutating func array(_ value: inout [Int32]) throws(ProtocolError) {
        try length(value.count)
        for element in value { buffer.writeInteger(element) }
    }

    @usableFromInline package mutating func array(_ value: inout [Int32]?) throws(ProtocolError) {
        if var elements = value { try array(&elements) } else { try length(-1) }
    }

    @usableFromInline package mutating func array(_ value: inout [String]) throws(ProtocolError) {
        try length(value.count)
        for element in value {
            try stringLength(element.utf8.count)
            buffer.writeString(element)
        }
    }

    @usableFromInline package mutating func array(_ value: inout [String]?) throws(ProtocolError) {
        if var elements = value { try array(&elements) } else { try length(-1) }
    }

    @inlinable
    package mutating func array<Element: WireStruct>(_ value: inout [Element]) throws(ProtocolError) {
        try length(value.count)
        for element in value {
            // A copy of the element: mutating it in place would copy the whole array when it is shared.
            var element = element
            try element.code(&self)
        }
    }

    @inlinable
    package mutating func array<Element: WireStruct>(
        _ value: inout [Element]?, nullable: Bool
    ) throws(ProtocolError) {
        if var elements = value { return try array(&elements) }
        guard nullable else { throw unexpectedNull() }
        try length(-1)
    }
}

// MARK: Structs that may be null

extension ProtocolWriter {
    @inlinable
    package mutating func optional<Struct: WireStruct>(_ value: inout Struct?) throws(ProtocolError) {
        buffer.writeInteger(value == nil ? -1 : 1, as: Int8.self)
        try value?.code(&self)
    }
}

// MARK: Tagged fields

extension ProtocolWriter {
    @inlinable
    package mutating func tags(
        _ fields: (inout ProtocolWriter) throws(ProtocolError) -> Void
    ) throws(ProtocolError) {
        guard isFlexible else { return }
        tagPass = .counting(0)
        try fields(&self)
        guard case .counting(let count) = tagPass else { return }
        tagPass = .writing
        unsignedVarint(count)
        if count > 0 { try fields(&self) }
    }

    @inlinable
    package mutating func tags() {
        if isFlexible { unsignedVarint(0) }
    }

    @inlinable
    package mutating func tag(
        _ number: UInt32, isDefault: Bool, _ field: (inout ProtocolWriter) throws(ProtocolError) -> Void
    ) throws(ProtocolError) {
        if isDefault { return }
        switch tagPass {
        case .counting(let count):
            tagPass = .counting(count + 1)
        case .writing:
            // Tagged fields are rare and small: a buffer of their own is the simplest way to learn their length.
            var content = ProtocolWriter(version: version, isFlexible: isFlexible)
            try field(&content)
            unsignedVarint(number)
            unsignedVarint(UInt32(truncatingIfNeeded: content.buffer.readableBytes))
            buffer.writeImmutableBuffer(content.buffer)
        }
    }
}
