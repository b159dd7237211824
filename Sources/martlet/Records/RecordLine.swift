import RecordFormat

/// Reads lines as `RecordJSON` writes them back to records. Its memory is used again from line to line.
struct RecordLine: ~Copyable {
    /// A record that was read; its bytes are valid until the next line.
    struct Fields {
        /// nil: the line does not say.
        var partition: Int?
        var offset: Offset?
        var timestamp: Timestamp?
        var key: UnsafeRawBufferPointer?
        var value: UnsafeRawBufferPointer?
        var headers: [RecordHeader] = []
    }

    private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    /// Bytes of `memory` that fields of this line lie in.
    private var used = 0

    init() {}

    deinit { memory.deallocate() }

    mutating func read(_ line: UnsafeRawBufferPointer) throws(JSONReader.Malformed) -> Fields {
        if memory.count < line.count {
            memory.deallocate()
            memory = .allocate(byteCount: max(line.count, 4096), alignment: 16)
        }
        used = 0
        var reader = JSONReader(line)
        var fields = Fields()
        var seen: Seen = []
        guard reader.take("{") else { throw reader.malformed("a record is an object of JSON") }
        repeat {
            reader.skipSpace()
            let start = reader.position
            let name = try reader.rawString()
            try reader.expect(":")
            guard let field = Seen(name: UnsafeRawBufferPointer(rebasing: line[name.range])) else {
                let text = String(decoding: line[name.range].prefix(100), as: UTF8.self)
                throw JSONReader.Malformed(position: start, reason: "a record has no field '\(text)'")
            }
            guard seen.isDisjoint(with: field.group) else {
                throw JSONReader.Malformed(position: start, reason: "a field stands there twice")
            }
            seen.formUnion(field)
            try take(field, from: &reader, into: &fields)
        } while reader.take(",")
        try reader.expect("}")
        reader.skipSpace()
        guard reader.isAtEnd else { throw reader.malformed("something follows after the record") }
        guard !seen.isDisjoint(with: [.value, .valueBase64]) else {
            throw reader.malformed("the record has no value, not even null")
        }
        return fields
    }

    /// The names of fields, and which of them a line has.
    private struct Seen: OptionSet {
        var rawValue: UInt16
        static let topic = Self(rawValue: 1)
        static let partition = Self(rawValue: 2)
        static let offset = Self(rawValue: 4)
        static let timestamp = Self(rawValue: 8)
        static let key = Self(rawValue: 16)
        static let keyBase64 = Self(rawValue: 32)
        static let value = Self(rawValue: 64)
        static let valueBase64 = Self(rawValue: 128)
        static let headers = Self(rawValue: 256)

        init(rawValue: UInt16) { self.rawValue = rawValue }

        /// nil: there is no such field.
        init?(name: UnsafeRawBufferPointer) {
            func has(_ text: StaticString) -> Bool {
                guard name.count == text.utf8CodeUnitCount else { return false }
                for index in 0..<name.count where name[index] != text.utf8Start[index] { return false }
                return true
            }
            switch name.count {
            case 3 where has("key"): self = .key
            case 5 where has("value"): self = .value
            case 5 where has("topic"): self = .topic
            case 6 where has("offset"): self = .offset
            case 7 where has("headers"): self = .headers
            case 9 where has("partition"): self = .partition
            case 9 where has("timestamp"): self = .timestamp
            case 9 where has("keyBase64"): self = .keyBase64
            case 11 where has("valueBase64"): self = .valueBase64
            default: return nil
            }
        }

        /// What there may be one of.
        var group: Self {
            if self == .key || self == .keyBase64 { return [.key, .keyBase64] }
            if self == .value || self == .valueBase64 { return [.value, .valueBase64] }
            return self
        }
    }

    private mutating func take(
        _ field: Seen, from reader: inout JSONReader, into fields: inout Fields
    ) throws(JSONReader.Malformed) {
        switch field {
        case .topic: _ = try reader.rawString()
        case .partition:
            let start = reader.position
            let number = try reader.integer()
            guard let partition = Int32(exactly: number), partition >= 0 else {
                throw JSONReader.Malformed(position: start, reason: "\(number) is no partition")
            }
            fields.partition = Int(partition)
        case .offset:
            let start = reader.position
            let number = try reader.integer()
            guard number >= 0, number < .max else {
                throw JSONReader.Malformed(position: start, reason: "\(number) is no offset")
            }
            fields.offset = Offset(number)
        case .timestamp: fields.timestamp = Timestamp(milliseconds: try reader.integer())
        case .key: fields.key = try text(&reader)
        case .keyBase64: fields.key = try base64(&reader)
        case .value: fields.value = try text(&reader)
        case .valueBase64: fields.value = try base64(&reader)
        default: fields.headers = try headers(&reader)
        }
    }

    /// A string's bytes, or nil for null.
    private mutating func text(_ reader: inout JSONReader) throws(JSONReader.Malformed) -> UnsafeRawBufferPointer? {
        if reader.takeNull() { return nil }
        let (range, hasEscapes) = try reader.rawString()
        guard hasEscapes else { return UnsafeRawBufferPointer(rebasing: reader.bytes[range]) }
        let place = UnsafeMutableRawBufferPointer(rebasing: memory[used...])
        return keep(try reader.decode(range, into: place))
    }

    private mutating func base64(_ reader: inout JSONReader) throws(JSONReader.Malformed) -> UnsafeRawBufferPointer? {
        reader.skipSpace()
        let start = reader.position
        let (range, hasEscapes) = try reader.rawString()
        let place = UnsafeMutableRawBufferPointer(rebasing: memory[used...])
        guard !hasEscapes, let count = Base64.decode(UnsafeRawBufferPointer(rebasing: reader.bytes[range]), into: place)
        else { throw JSONReader.Malformed(position: start, reason: "this is no base64") }
        return keep(count)
    }

    /// All that a line decodes to is no longer than the line, for which there is memory.
    private mutating func keep(_ count: Int) -> UnsafeRawBufferPointer {
        defer { used += count }
        return UnsafeRawBufferPointer(rebasing: memory[used..<used + count])
    }

    private mutating func headers(_ reader: inout JSONReader) throws(JSONReader.Malformed) -> [RecordHeader] {
        var headers: [RecordHeader] = []
        try reader.expect("[")
        if reader.take("]") { return [] }
        repeat {
            try reader.expect("{")
            var name: String?
            var value: [UInt8]?
            var hasValue = false
            repeat {
                reader.skipSpace()
                let start = reader.position
                let field = try reader.string()
                try reader.expect(":")
                switch field {
                case "name" where name == nil: name = try reader.string()
                case "value" where !hasValue: (value, hasValue) = (try text(&reader).map { Array($0) }, true)
                case "valueBase64" where !hasValue: (value, hasValue) = (try base64(&reader).map { Array($0) }, true)
                default:
                    throw JSONReader.Malformed(
                        position: start, reason: "a header has one name and one value, not '\(field.prefix(100))'")
                }
            } while reader.take(",")
            try reader.expect("}")
            guard let name, hasValue else { throw reader.malformed("a header has a name and a value") }
            headers.append(RecordHeader(name: name, value: value))
        } while reader.take(",")
        try reader.expect("]")
        return headers
    }
}
