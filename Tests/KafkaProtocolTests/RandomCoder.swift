import NIOCore
import TestSupport

@testable import KafkaProtocol

/// Fills every field that a message's version has by chance: a new message or field is covered without a line here.
struct RandomCoder: Coder {
    let version: Int16
    let isFlexible: Bool
    private(set) var chance: SeededRandom

    /// A message of random values, and what is left of the chance.
    static func message<M: Message>(
        _ type: M.Type, version: Int16, _ chance: inout SeededRandom
    ) throws(ProtocolError) -> M {
        var coder = RandomCoder(
            version: version, isFlexible: version >= M.firstFlexibleVersion, chance: chance)
        var message = M()
        try message.code(&coder)
        chance = coder.chance
        return message
    }
}

// MARK: Values

extension RandomCoder {
    /// Whether something happens that does `percent` times in a hundred.
    private mutating func happens(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &chance) < percent }

    private mutating func element<T>(of choices: [T]) -> T {
        choices[Int.random(in: 0..<choices.count, using: &chance)]
    }

    private mutating func integer<T: FixedWidthInteger & SignedInteger>() -> T {
        if happens(30) { return element(of: [.min, .min + 1, -2, -1, 0, 1, 2, .max - 1, .max]) }
        return T.random(in: .min ... .max, using: &chance) >> T.random(in: 0..<T(T.bitWidth), using: &chance)
    }

    /// Often one at which a varint grows by a byte.
    private mutating func length() -> Int {
        happens(30) ? element(of: [0, 1, 2, 126, 127, 128, 300]) : Int.random(in: 0..<12, using: &chance)
    }

    private mutating func text() -> String {
        // Now and then as long as a string may be.
        if Int.random(in: 0..<500, using: &chance) == 0 {
            return String(repeating: "x", count: element(of: [16382, 16383, 16384, Int(Int16.max)]))
        }
        var scalars = String.UnicodeScalarView()
        for _ in 0..<length() {
            let top = element(of: [0x7f, 0x7f, 0xff, 0x7ff, 0xffff, 0x10ffff] as [UInt32])
            // `nil` for a surrogate, which is no character.
            scalars.append(Unicode.Scalar(UInt32.random(in: 0...top, using: &chance)) ?? "?")
        }
        return String(scalars)
    }

    private mutating func buffer() -> ByteBuffer {
        ByteBuffer(bytes: (0..<length()).map { _ in UInt8.random(in: 0...255, using: &chance) })
    }
}

// MARK: Fields

extension RandomCoder {
    mutating func bool(_ value: inout Bool) { value = happens(50) }
    mutating func int8(_ value: inout Int8) { value = integer() }
    mutating func int16(_ value: inout Int16) { value = integer() }
    mutating func int32(_ value: inout Int32) { value = integer() }
    mutating func int64(_ value: inout Int64) { value = integer() }
    mutating func uuid(_ value: inout UUIDBytes) {
        value = happens(20) ? UUIDBytes() : UUIDBytes(high: chance.next(), low: chance.next())
    }

    mutating func string(_ value: inout String) { value = text() }
    mutating func string(_ value: inout String?, nullable: Bool) { value = nullable && happens(25) ? nil : text() }
    mutating func bytes(_ value: inout ByteBuffer?) { value = happens(25) ? nil : buffer() }
    mutating func bytes(_ value: inout ByteBuffer) { value = buffer() }
    mutating func records(_ value: inout FetchRecords) { value = happens(25) ? .none : .buffer(buffer()) }

    mutating func array(_ value: inout [Int32]) { value = (0..<length()).map { _ in integer() } }
    mutating func array(_ value: inout [Int32]?) {
        var elements: [Int32] = []
        array(&elements)
        value = happens(25) ? nil : elements
    }
    mutating func array(_ value: inout [String]) { value = (0..<length()).map { _ in text() } }
    mutating func array(_ value: inout [String]?) {
        var elements: [String] = []
        array(&elements)
        value = happens(25) ? nil : elements
    }
    mutating func array<Element: WireStruct>(_ value: inout [Element]) throws(ProtocolError) {
        value = []
        for _ in 0..<Int.random(in: 0..<4, using: &chance) {
            var element = Element()
            try element.code(&self)
            value.append(element)
        }
    }
    mutating func array<Element: WireStruct>(_ value: inout [Element]?, nullable: Bool) throws(ProtocolError) {
        var elements: [Element] = []
        try array(&elements)
        value = nullable && happens(25) ? nil : elements
    }
    mutating func optional<Struct: WireStruct>(_ value: inout Struct?) throws(ProtocolError) {
        var content = Struct()
        try content.code(&self)
        value = happens(25) ? nil : content
    }

    mutating func tags(_ fields: (inout RandomCoder) throws(ProtocolError) -> Void) throws(ProtocolError) {
        if isFlexible { try fields(&self) }
    }
    mutating func tags() {}
    mutating func tag(
        _ number: UInt32, isDefault: Bool, _ field: (inout RandomCoder) throws(ProtocolError) -> Void
    ) throws(ProtocolError) {
        if happens(50) { try field(&self) }
    }
}
