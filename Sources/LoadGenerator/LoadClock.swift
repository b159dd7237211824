internal import Glibc

/// The clock that everything here is timed by: nanoseconds that only go forward.
package enum LoadClock {
    package static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * second + Int64(time.tv_nsec)
    }

    /// Of day, in milliseconds since 1970: what records bear.
    static var milliseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    package static let second: Int64 = 1_000_000_000

    /// In whole nanoseconds; what is longer than a year is a year.
    package static func nanoseconds(_ seconds: Double) -> Int64 {
        Int64(min(max(seconds, 0), 366 * 86_400) * Double(second))
    }
}
