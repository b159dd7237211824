/// A fleet of devices that report at a fixed interval: what a run of the generator is determined by. The same fleet
/// always makes the same readings, on every machine, so a replay can be checked byte for byte.
package struct Fleet: Sendable, Hashable {
    /// 1 to `devicesMax`.
    package var devices = 1000
    package var seed: UInt64 = 1
    /// The time of the first reading, in milliseconds since 1970: 2026-01-01T00:00:00Z unless said otherwise.
    package var start: Int64 = 1_767_225_600_000
    /// Milliseconds from one reading of a device to its next, at least 1.
    package var interval: Int64 = 10_000

    package static let devicesMax = 1_000_000

    package init() {}

    /// When a device makes its reading of number `sequence`, the first being 1. The devices' turns are spread over the
    /// interval, so that all readings of a fleet are in order of time.
    package func timestamp(of device: Int, sequence: Int64) -> Int64 {
        start &+ (sequence &- 1) &* interval &+ Int64(device) &* interval / Int64(devices)
    }

    /// How many readings each device has made before `timestamp`.
    package func counts(before timestamp: Int64) -> [Int64] {
        (0..<devices).map { device in
            let elapsed = timestamp &- self.timestamp(of: device, sequence: 1)
            return elapsed <= 0 ? 0 : (elapsed &- 1) / interval &+ 1
        }
    }
}
