import NIOCore
import TestSupport

@testable import KafkaProtocol

/// Writes messages as a later version of the schemas would: every struct, also inside tagged fields, ends with tagged
/// fields that this one does not have.
struct FutureWriter: Coder {
    private var writer: ProtocolWriter
    private var chance: SeededRandom
    /// Of the struct that is being ended.
    private var tagged: [(number: UInt32, content: ByteBuffer)] = []
    private(set) var unknownCount = 0

    init(version: Int16, isFlexible: Bool, chance: SeededRandom) {
        self.writer = ProtocolWriter(version: version, isFlexible: isFlexible)
        self.chance = chance
    }

    var version: Int16 { writer.version }
    var isFlexible: Bool { writer.isFlexible }
    var buffer: ByteBuffer { writer.buffer }
}

// MARK: Fields, as they are

extension FutureWriter {
    mutating func bool(_ value: inout Bool) { writer.bool(&value) }
    mutating func int8(_ value: inout Int8) { writer.int8(&value) }
    mutating func int16(_ value: inout Int16) { writer.int16(&value) }
    mutating func int32(_ value: inout Int32) { writer.int32(&value) }
    mutating func int64(_ value: inout Int64) { writer.int64(&value) }
    mutating func uuid(_ value: inout UUIDBytes) { writer.uuid(&value) }
    mutating func string(_ value: inout String) throws(ProtocolError) { try writer.string(&value) }
    mutating func string(_ value: inout String?, nullable: Bool) throws(ProtocolError) {
        try writer.string(&value, nullable: nullable)
    }
    mutating func bytes(_ value: inout ByteBuffer?) throws(ProtocolError) { try writer.bytes(&value) }
    mutating func bytes(_ value: inout ByteBuffer) throws(ProtocolError) { try writer.bytes(&value) }
    mutating func records(_ value: inout FetchRecords) throws(ProtocolError) { try writer.records(&value) }
    mutating func array(_ value: inout [Int32]) throws(ProtocolError) { try writer.array(&value) }
    mutating func array(_ value: inout [Int32]?) throws(ProtocolError) { try writer.array(&value) }
    mutating func array(_ value: inout [String]) throws(ProtocolError) { try writer.array(&value) }
    mutating func array(_ value: inout [String]?) throws(ProtocolError) { try writer.array(&value) }

    mutating func array<Element: WireStruct>(_ value: inout [Element]) throws(ProtocolError) {
        try writer.length(value.count)
        for index in value.indices { try value[index].code(&self) }
    }
    mutating func array<Element: WireStruct>(_ value: inout [Element]?, nullable: Bool) throws(ProtocolError) {
        if var elements = value { try array(&elements) } else { try writer.length(-1) }
    }
    mutating func optional<Struct: WireStruct>(_ value: inout Struct?) throws(ProtocolError) {
        var mark: Int8 = value == nil ? -1 : 1
        writer.int8(&mark)
        try value?.code(&self)
    }
}

// MARK: Tagged fields, and more of them

extension FutureWriter {
    mutating func tags(_ fields: (inout FutureWriter) throws(ProtocolError) -> Void) throws(ProtocolError) {
        guard isFlexible else { return }
        tagged = []
        try fields(&self)
        for _ in 0..<Int.random(in: 1...3, using: &chance) {
            let length = [0, 1, 7, 127, 128, 300].randomElement(using: &chance) ?? 0
            let content = (0..<length).map { _ in UInt8.random(in: 0...255, using: &chance) }
            // Far above the numbers that any schema has.
            tagged.append((UInt32.random(in: 1000...(.max), using: &chance), ByteBuffer(bytes: content)))
            unknownCount += 1
        }
        writer.unsignedVarint(UInt32(tagged.count))
        for (number, content) in tagged {
            writer.unsignedVarint(number)
            writer.unsignedVarint(UInt32(content.readableBytes))
            writer.buffer.writeImmutableBuffer(content)
        }
    }

    mutating func tags() throws(ProtocolError) {
        try tags { (_) throws(ProtocolError) in }
    }

    mutating func tag(
        _ number: UInt32, isDefault: Bool, _ field: (inout FutureWriter) throws(ProtocolError) -> Void
    ) throws(ProtocolError) {
        if isDefault { return }
        var content = FutureWriter(version: version, isFlexible: isFlexible, chance: chance)
        try field(&content)
        chance = content.chance
        unknownCount += content.unknownCount
        tagged.append((number, content.buffer))
    }
}
