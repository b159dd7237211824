internal import Glibc

/// Checks a replay of a fleet's readings byte for byte: each device's must come in its order, without a gap or a
/// repetition, exactly as the generator makes them. Different devices may come in any order.
package struct FleetReplay: ~Copyable {
    private let fleet: Fleet
    private var devices: [Device]
    private var encoder = ReadingEncoder()
    /// How many readings were as they must be.
    package private(set) var verifiedCount = 0
    /// How many were not.
    package private(set) var problemCount = 0
    /// The first of them, for a person.
    package private(set) var firstProblem: String?

    /// A replay of everything.
    package init(of fleet: Fleet) { self.init(of: fleet, after: [Int64](repeating: 0, count: fleet.devices)) }

    /// A replay from a point in time on, in milliseconds since 1970.
    package init(of fleet: Fleet, from timestamp: Int64) {
        self.init(of: fleet, after: fleet.counts(before: timestamp))
    }

    private init(of fleet: Fleet, after history: [Int64]) {
        self.fleet = fleet
        devices = history.indices.map { Device($0, of: fleet, after: history[$0]) }
    }

    /// Takes the next record of the replay. False: it is not what its device reported next.
    @discardableResult
    package mutating func take(key: RawSpan?, value: RawSpan?, timestamp: Int64) -> Bool {
        guard let key, let index = deviceIndex(key), index < fleet.devices else {
            return report("its key is not of a device of this fleet: check the fleet's seed and number of devices")
        }
        var device = devices[index]
        let expected = device.advance(index, of: fleet)
        encoder.encode(index, device, timestamp: expected)
        guard timestamp == expected, let value, isEqual(value, encoder.value) else {
            let due = String(decoding: encoder.value, as: UTF8.self)
            return report("\(text(value)) came at \(timestamp) where \(due) was due")
        }
        devices[index] = device
        verifiedCount += 1
        return true
    }

    private func text(_ value: RawSpan?) -> String {
        guard let value else { return "no value" }
        return value.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    private mutating func report(_ problem: String) -> Bool {
        problemCount += 1
        if firstProblem == nil { firstProblem = problem }
        return false
    }

    /// How many readings of each device the replay has reached, those before its start included.
    package var history: [Int64] { devices.map(\.sequence) }

    /// The first device that lags behind where all together would have been if the replay is all that the fleet sent
    /// up to some moment; nil: none, the replay is whole.
    package var laggingDevice: String? {
        guard let first = devices.first?.sequence else { return nil }
        var allowed = first
        for (index, device) in devices.enumerated() where device.sequence != allowed {
            // The round that was under way ended here: the devices from here on are one behind.
            guard allowed == first, device.sequence == first - 1 else {
                let lagging = device.sequence < allowed ? index : index - 1
                return name(lagging)
            }
            allowed = device.sequence
        }
        return nil
    }

    private func name(_ index: Int) -> String {
        let digits = String(index)
        return "device-" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    }

    private func deviceIndex(_ key: RawSpan) -> Int? {
        key.withUnsafeBytes { bytes in
            guard bytes.count >= 13, bytes.count <= 7 + 18 else { return nil }
            var index = 0
            for byte in bytes[7...] {
                guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
                index = index * 10 + Int(byte - UInt8(ascii: "0"))
            }
            return bytes.count == ReadingEncoder.keyLength(index) ? index : nil
        }
    }

    private func isEqual(_ value: RawSpan, _ expected: UnsafeRawBufferPointer) -> Bool {
        value.withUnsafeBytes { value in
            guard value.count == expected.count, let a = value.baseAddress, let b = expected.baseAddress else {
                return value.count == expected.count
            }
            return memcmp(a, b, value.count) == 0
        }
    }
}
