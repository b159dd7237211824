/// Writes a device's key and its reading as JSON into memory of its own, without an allocation a reading:
///
///     {"device":"device-000042","seq":17,"ts":1767225770420,"temperature":15.31,"humidity":48.07,"battery":3.92,"rssi":-71}
struct ReadingEncoder: ~Copyable {
    private let place: UnsafeMutableRawPointer
    private var count = 0

    /// More than the longest reading takes.
    private static let capacity = 256
    private static let keyStart = 11

    init() { place = .allocate(byteCount: Self.capacity, alignment: 16) }

    deinit { place.deallocate() }

    /// `device-` and the number, in six digits or more.
    static func keyLength(_ device: Int) -> Int { 7 + max(6, decimalLength(UInt64(device))) }

    mutating func encode(_ device: Int, _ state: Device, timestamp: Int64) {
        count = 0
        add("{\"device\":\"device-")
        add(UInt64(device), width: max(6, Self.decimalLength(UInt64(device))))
        add("\",\"seq\":")
        add(state.sequence)
        add(",\"ts\":")
        add(timestamp)
        add(",\"temperature\":")
        addHundredths(Int64(state.temperature))
        add(",\"humidity\":")
        addHundredths(Int64(state.humidity))
        add(",\"battery\":")
        addHundredths(Int64(state.battery / 10))
        add(",\"rssi\":")
        add(Int64(state.signal))
        add("}")
    }

    /// The key of the reading that was encoded last; valid until the next.
    func key(_ device: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: place + Self.keyStart, count: Self.keyLength(device))
    }

    /// The reading that was encoded last; valid until the next.
    var value: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: place, count: count) }

    @inline(__always)
    private mutating func add(_ text: StaticString) {
        (place + count).copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
        count += text.utf8CodeUnitCount
    }

    private mutating func add(_ number: Int64) {
        if number < 0 { addByte(UInt8(ascii: "-")) }
        add(number.magnitude, width: Self.decimalLength(number.magnitude))
    }

    private mutating func addHundredths(_ number: Int64) {
        if number < 0 { addByte(UInt8(ascii: "-")) }
        let (whole, part) = number.magnitude.quotientAndRemainder(dividingBy: 100)
        add(whole, width: Self.decimalLength(whole))
        addByte(UInt8(ascii: "."))
        add(part, width: 2)
    }

    @inline(__always)
    private mutating func addByte(_ byte: UInt8) {
        place.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    /// The last `width` decimal digits.
    @inline(__always)
    private mutating func add(_ number: UInt64, width: Int) {
        var rest = number
        for at in stride(from: count + width - 1, through: count, by: -1) {
            place.storeBytes(
                of: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10), toByteOffset: at, as: UInt8.self)
            rest /= 10
        }
        count += width
    }

    private static func decimalLength(_ number: UInt64) -> Int {
        var (length, bound) = (1, UInt64(10))
        while length < 20, number >= bound {
            length += 1
            let (next, overflow) = bound.multipliedReportingOverflow(by: 10)
            if overflow { break }
            bound = next
        }
        return length
    }
}
