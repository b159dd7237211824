/// Writes the fields of a key or value by Kafka's schema language: see `SchemaReader`.
struct SchemaWriter {
    private(set) var bytes: [UInt8]
    private var isFlexible = false

    init() { bytes = [] }

    /// Empty again, with its memory. `version`: what a value begins with, or a key: its type.
    mutating func begin(_ version: Int16, isFlexible: Bool = false) {
        bytes.removeAll(keepingCapacity: true)
        self.isFlexible = isFlexible
        add(version)
    }

    mutating func add<N: FixedWidthInteger>(_ value: N) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func add(_ id: TopicID) {
        add(id.high)
        add(id.low)
    }

    private mutating func addVarint(_ value: Int) {
        var rest = UInt32(clamping: value)
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    private mutating func addLength(_ count: Int?, short: Bool) {
        if isFlexible {
            addVarint(count.map { $0 + 1 } ?? 0)
        } else if short {
            add(Int16(clamping: count ?? -1))
        } else {
            add(Int32(clamping: count ?? -1))
        }
    }

    /// What a string of a version that is not flexible has room for, in bytes.
    static let stringBytesMax = Int(Int16.max)

    mutating func add(_ text: String?) {
        let count = text?.utf8.count
        precondition(isFlexible || count ?? 0 <= Self.stringBytesMax, "a string of \(count ?? 0) bytes")
        addLength(count, short: true)
        if let text { bytes.append(contentsOf: text.utf8) }
    }

    mutating func add(_ field: [UInt8]) {
        addLength(field.count, short: false)
        bytes.append(contentsOf: field)
    }

    mutating func add<T>(_ elements: [T]?, _ element: (inout SchemaWriter, T) -> Void) {
        addLength(elements?.count, short: false)
        for one in elements ?? [] { element(&self, one) }
    }

    /// The end of a struct. `fields`: tagged ones, in order of tags.
    mutating func addTags(_ fields: [(tag: Int, write: (inout SchemaWriter) -> Void)] = []) {
        guard isFlexible else { return }
        addVarint(fields.count)
        for field in fields {
            var body = SchemaWriter()
            body.isFlexible = true
            field.write(&body)
            addVarint(field.tag)
            addVarint(body.bytes.count)
            bytes.append(contentsOf: body.bytes)
        }
    }
}
