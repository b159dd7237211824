/// Writes values as Kafka's protocol has them.
struct WireWriter {
    private(set) var bytes: [UInt8] = []

    mutating func integer(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func string(_ text: String) {
        integer(Int16(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    mutating func null() { integer(Int16(-1)) }

    mutating func bytes(_ value: [UInt8]) {
        integer(Int32(value.count))
        bytes.append(contentsOf: value)
    }

    mutating func array<C: Collection>(_ elements: C, _ write: (inout WireWriter, C.Element) -> Void) {
        integer(Int32(elements.count))
        for element in elements { write(&self, element) }
    }

    // MARK: Flexible versions

    mutating func varint(_ value: Int) {
        var rest = UInt(value)
        while rest >= 128 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 128)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func compactString(_ text: String) {
        varint(text.utf8.count + 1)
        bytes.append(contentsOf: text.utf8)
    }

    /// Null, whatever it would be; and the end of a structure: no tagged fields.
    mutating func compactNull() { bytes.append(0) }
    mutating func noTags() { bytes.append(0) }

    mutating func compactArray<C: Collection>(_ elements: C, _ write: (inout WireWriter, C.Element) -> Void) {
        varint(elements.count + 1)
        for element in elements { write(&self, element) }
    }

    mutating func raw(_ value: [UInt8]) { bytes.append(contentsOf: value) }
}
