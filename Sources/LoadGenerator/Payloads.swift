package import Fleet

/// The values of the records that are sent, made or read before anything is measured. They are used one after the other,
/// and again from the first.
package struct Payloads: Sendable {
    private var storage: [UInt8] = []
    /// Where each ends.
    private var ends: [Int] = []

    /// So much is kept, so that it is more than a cache holds and less than anybody misses.
    package static let bytesMax = 8 << 20

    package init() {}

    /// The telemetry of a fleet as lines of JSON, some 120 bytes each.
    /// - Parameter recordBytes: nil: each reading is a value. Else each value is so long, and cut from the readings as they
    ///   follow each other: so it compresses as telemetry does.
    package init(telemetry fleet: Fleet, recordBytes: Int?) {
        var readings = FleetReadings(of: fleet)
        // Large records are few, but never only one: it would be in a cache.
        let bytesMax = max(Self.bytesMax, 4 * (recordBytes ?? 0))
        while storage.count < bytesMax {
            readings.advance()
            readings.value.withUnsafeBytes { storage.append(contentsOf: $0) }
            if recordBytes == nil { ends.append(storage.count) }
        }
        if let recordBytes {
            ends = Array(stride(from: recordBytes, through: storage.count, by: recordBytes))
        }
    }

    /// False: there is enough of them.
    package mutating func append(_ value: UnsafeRawBufferPointer, bytesMax: Int) -> Bool {
        guard storage.count + value.count <= bytesMax || ends.isEmpty else { return false }
        storage.append(contentsOf: value)
        ends.append(storage.count)
        return true
    }

    package var count: Int { ends.count }
    package var averageBytes: Int { ends.isEmpty ? 0 : max(1, (ends.last ?? 0) / ends.count) }

    func withValue<R>(_ index: Int, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        let place = index % ends.count
        let start = place == 0 ? 0 : ends[place - 1]
        return storage.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[start..<ends[place]])) }
    }

    func byteCount(_ index: Int) -> Int { withValue(index) { $0.count } }
}
