/// One device's sensors, in whole hundredths so that every machine gets the same: a temperature that follows the day
/// and wanders, a humidity that goes against it, a battery that runs down and is changed.
struct Device: Sendable {
    /// How many readings it has made, which is the number of the last.
    private(set) var sequence: Int64 = 0
    private var random: SplitMix
    /// Hundredths of a degree Celsius.
    private(set) var temperature: Int32
    /// Hundredths of a percent.
    private(set) var humidity: Int32
    /// Millivolts.
    private(set) var battery: Int32
    /// dBm.
    private(set) var signal: Int32
    private let usualTemperature: Int32

    init(_ index: Int, of fleet: Fleet) {
        random = SplitMix(seed: SplitMix.mix(fleet.seed ^ SplitMix.mix(UInt64(truncatingIfNeeded: index) &+ 1)))
        let bits = random.next()
        usualTemperature = 1200 + Int32(bits & 0x3FF)
        temperature = usualTemperature
        humidity = 4000 + Int32((bits >> 10) & 0x7FF)
        battery = 3600 + Int32((bits >> 21) & 0x1FF)
        signal = -55 - Int32((bits >> 30) & 0x1F)
    }

    /// A device that has made `count` readings.
    init(_ index: Int, of fleet: Fleet, after count: Int64) {
        self.init(index, of: fleet)
        while sequence < count { advance(index, of: fleet) }
    }

    /// Makes the next reading and returns when it was taken.
    @discardableResult
    mutating func advance(_ index: Int, of fleet: Fleet) -> Int64 {
        sequence &+= 1
        let timestamp = fleet.timestamp(of: index, sequence: sequence)
        measure(at: timestamp)
        return timestamp
    }

    private mutating func measure(at timestamp: Int64) {
        let bits = random.next()
        let target = usualTemperature &+ Self.daySwing(timestamp)
        temperature &+= (target &- temperature) / 32 &+ noise(bits, 7)
        humidity &+= (6500 &- temperature &- humidity) / 64 &+ noise(bits >> 8, 15)
        humidity = min(max(humidity, 500), 9900)
        // Every 64th reading costs a millivolt, on average; an empty battery is changed.
        if (bits >> 16) & 63 == 0 { battery &-= 1 }
        if battery < 3000 { battery = 4100 }
        if (bits >> 24) & 7 == 0 { signal = min(max(signal &+ noise(bits >> 32, 1), -110), -40) }
    }

    /// From `-limit` to `limit`.
    private func noise(_ bits: UInt64, _ limit: Int32) -> Int32 { Int32(bits & 0xFF) % (2 * limit + 1) - limit }

    /// Up to four degrees around the mean, coldest at midnight UTC: a parabola, which is the same everywhere.
    private static func daySwing(_ timestamp: Int64) -> Int32 {
        let day: Int64 = 86_400_000
        let time = ((timestamp % day) + day) % day / 1000
        let half: Int64 = 43_200
        let fromNoon = abs(time - half)
        return Int32(400 - 800 * fromNoon * fromNoon / (half * half))
    }
}
