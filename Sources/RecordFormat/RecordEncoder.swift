/// Writes records one after the other; whoever uses it has seen to the room.
///
///     length      varint: bytes after it
///     attributes  1 byte: 0
///     timestamp   varint: milliseconds after the batch's base
///     offset      varint: after the batch's base
///     key         varint length, -1 for none; bytes
///     value       varint length, -1 for none; bytes
///     headers     varint count; each: varint length and bytes of the name, then of the value
struct RecordEncoder {
    /// Where the next byte goes.
    private(set) var place: UnsafeMutableRawPointer

    @inline(__always)
    init(_ place: UnsafeMutableRawPointer) { self.place = place }

    @inline(__always)
    mutating func add(
        _ key: UnsafeRawBufferPointer?, _ value: UnsafeRawBufferPointer?, _ timestampDelta: Int64, _ offsetDelta: Int64
    ) {
        beginRecord(key, value, timestampDelta, offsetDelta, headerBytes: 1)
        addByte(0)
    }

    mutating func add(
        _ key: UnsafeRawBufferPointer?, _ value: UnsafeRawBufferPointer?, _ timestampDelta: Int64,
        _ offsetDelta: Int64, _ headers: [RecordHeader]
    ) {
        beginRecord(key, value, timestampDelta, offsetDelta, headerBytes: Self.size(of: headers))
        add(Int64(headers.count))
        for header in headers { add(header) }
    }

    @inline(__always)
    private mutating func beginRecord(
        _ key: UnsafeRawBufferPointer?, _ value: UnsafeRawBufferPointer?, _ timestampDelta: Int64,
        _ offsetDelta: Int64, headerBytes: Int
    ) {
        let size =
            1 &+ Varint.size(timestampDelta) &+ Varint.size(offsetDelta) &+ Self.size(of: key) &+ Self.size(of: value)
            &+ headerBytes
        add(Int64(size))
        addByte(0)
        add(timestampDelta)
        add(offsetDelta)
        add(key)
        add(value)
    }

    @inline(__always)
    private static func size(of field: UnsafeRawBufferPointer?) -> Int {
        guard let field else { return 1 }
        return Varint.size(Int64(field.count)) &+ field.count
    }

    private static func size(of headers: [RecordHeader]) -> Int {
        headers.reduce(Varint.size(Int64(headers.count))) { size, header in
            let name = header.name.utf8.count
            let value = header.value?.count
            return size + Varint.size(Int64(name)) + name + Varint.size(Int64(value ?? -1)) + (value ?? 0)
        }
    }

    @inline(__always)
    private mutating func add(_ value: Int64) { place += Varint.encode(value, to: place) }

    @inline(__always)
    private mutating func addByte(_ byte: UInt8) {
        place.storeBytes(of: byte, as: UInt8.self)
        place += 1
    }

    @inline(__always)
    private mutating func add(_ field: UnsafeRawBufferPointer?) {
        guard let field else { return add(-1) }
        add(Int64(field.count))
        if let start = field.baseAddress { place.copyMemory(from: start, byteCount: field.count) }
        place += field.count
    }

    private mutating func add(_ header: RecordHeader) {
        var name = header.name
        name.withUTF8 { add(UnsafeRawBufferPointer($0)) }
        header.value.withBytes { add($0) }
    }
}
