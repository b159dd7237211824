public import NIOCore

/// How few bytes a struct can take on the wire in a version: what bounds the count that an array may announce.
@usableFromInline package struct SmallestSize: Coder {
    @usableFromInline package let version: Int16
    @usableFromInline package let isFlexible: Bool
    @usableFromInline var byteCount = 0

    @inlinable
    init(version: Int16, isFlexible: Bool) {
        self.version = version
        self.isFlexible = isFlexible
    }

    /// At least 1: so much the count itself is worth.
    @inlinable
    package static func of<Struct: WireStruct>(_ type: Struct.Type, version: Int16, isFlexible: Bool) -> Int {
        var coder = SmallestSize(version: version, isFlexible: isFlexible)
        var value = Struct()
        // Nothing here throws; a message that did would be one that cannot be empty.
        try? value.code(&coder)
        return max(1, coder.byteCount)
    }
}

extension SmallestSize {
    @inlinable
    package mutating func bool(_ value: inout Bool) { byteCount += 1 }
    @inlinable
    package mutating func int8(_ value: inout Int8) { byteCount += 1 }
    @inlinable
    package mutating func int16(_ value: inout Int16) { byteCount += 2 }
    @inlinable
    package mutating func int32(_ value: inout Int32) { byteCount += 4 }
    @inlinable
    package mutating func int64(_ value: inout Int64) { byteCount += 8 }
    @inlinable
    package mutating func uuid(_ value: inout UUIDBytes) { byteCount += 16 }

    @inlinable var stringLength: Int { isFlexible ? 1 : 2 }
    @inlinable var length: Int { isFlexible ? 1 : 4 }

    @inlinable
    package mutating func string(_ value: inout String) { byteCount += stringLength }
    @inlinable
    package mutating func string(_ value: inout String?, nullable: Bool) { byteCount += stringLength }
    @inlinable
    package mutating func bytes(_ value: inout ByteBuffer?) { byteCount += length }
    @inlinable
    package mutating func bytes(_ value: inout ByteBuffer) { byteCount += length }
    @inlinable
    package mutating func records(_ value: inout FetchRecords) { byteCount += length }

    @inlinable
    package mutating func array(_ value: inout [Int32]) { byteCount += length }
    @inlinable
    package mutating func array(_ value: inout [Int32]?) { byteCount += length }
    @inlinable
    package mutating func array(_ value: inout [String]) { byteCount += length }
    @inlinable
    package mutating func array(_ value: inout [String]?) { byteCount += length }
    @inlinable
    package mutating func array<Element: WireStruct>(_ value: inout [Element]) { byteCount += length }
    @inlinable
    package mutating func array<Element: WireStruct>(_ value: inout [Element]?, nullable: Bool) { byteCount += length }
    /// The byte that says that it is not there.
    @inlinable
    package mutating func optional<Struct: WireStruct>(_ value: inout Struct?) { byteCount += 1 }

    @inlinable
    package mutating func tags(_ fields: (inout SmallestSize) throws(ProtocolError) -> Void) {
        if isFlexible { byteCount += 1 }
    }
    @inlinable
    package mutating func tags() { if isFlexible { byteCount += 1 } }
    @inlinable
    package mutating func tag(
        _ number: UInt32, isDefault: Bool, _ field: (inout SmallestSize) throws(ProtocolError) -> Void
    ) {}
}
