public import NIOCore

/// One description of a message serves both directions: a message's `code` names its fields in Kafka's order, and the
/// coder it is given either fills them from bytes (`ProtocolReader`) or turns them into bytes (`ProtocolWriter`).
///
/// A field of some versions only stands under a condition on `version`; what a version lacks keeps its default.
/// Nothing here recurses: the depth of a message is the depth of its Swift types.
@usableFromInline package protocol Coder {
    /// The version of the API that the message is coded in.
    var version: Int16 { get }
    /// Whether this version has compact lengths and tagged fields (KIP-482).
    var isFlexible: Bool { get }

    mutating func bool(_ value: inout Bool) throws(ProtocolError)
    mutating func int8(_ value: inout Int8) throws(ProtocolError)
    mutating func int16(_ value: inout Int16) throws(ProtocolError)
    mutating func int32(_ value: inout Int32) throws(ProtocolError)
    mutating func int64(_ value: inout Int64) throws(ProtocolError)
    mutating func uuid(_ value: inout UUIDBytes) throws(ProtocolError)

    mutating func string(_ value: inout String) throws(ProtocolError)
    /// `nullable`: whether this version of the field may be null; a null otherwise is an error in both directions.
    mutating func string(_ value: inout String?, nullable: Bool) throws(ProtocolError)
    /// A nullable run of bytes, taken as a slice of the frame: nothing is copied.
    mutating func bytes(_ value: inout ByteBuffer?) throws(ProtocolError)
    /// The same where it cannot be null.
    mutating func bytes(_ value: inout ByteBuffer) throws(ProtocolError)
    mutating func records(_ value: inout FetchRecords) throws(ProtocolError)

    mutating func array(_ value: inout [Int32]) throws(ProtocolError)
    mutating func array(_ value: inout [Int32]?) throws(ProtocolError)
    mutating func array(_ value: inout [String]) throws(ProtocolError)
    mutating func array(_ value: inout [String]?) throws(ProtocolError)
    mutating func array<Element: WireStruct>(_ value: inout [Element]) throws(ProtocolError)
    mutating func array<Element: WireStruct>(_ value: inout [Element]?, nullable: Bool) throws(ProtocolError)

    /// A struct that may be null (KIP-893): a byte before it says whether it is there.
    mutating func optional<Struct: WireStruct>(_ value: inout Struct?) throws(ProtocolError)

    /// The end of a struct: in flexible versions its tagged fields, of which those that `fields` does not name with
    /// `tag` are skipped when read. `fields` may be run more than once.
    mutating func tags(_ fields: (inout Self) throws(ProtocolError) -> Void) throws(ProtocolError)
    /// The end of a struct without tagged fields of its own.
    mutating func tags() throws(ProtocolError)
    /// A tagged field, in ascending order of `number`; left out when written with its default value.
    mutating func tag(
        _ number: UInt32, isDefault: Bool, _ field: (inout Self) throws(ProtocolError) -> Void
    ) throws(ProtocolError)
}

extension Coder {
    @inlinable
    package mutating func string(_ value: inout String?) throws(ProtocolError) {
        try string(&value, nullable: true)
    }

    @inlinable
    package mutating func array<Element: WireStruct>(_ value: inout [Element]?) throws(ProtocolError) {
        try array(&value, nullable: true)
    }

    @inlinable
    package mutating func errorCode(_ value: inout ErrorCode) throws(ProtocolError) {
        try int16(&value.rawValue)
    }
}
