internal import Histogram

/// Latencies, as an HdrHistogram of microseconds with three digits.
package struct LatencyHistogram: Sendable {
    private var histogram = Histogram<UInt64>(
        lowestDiscernibleValue: 1, highestTrackableValue: highest, numberOfSignificantValueDigits: .three)
    /// An hour. What takes longer counts as that.
    private static let highest: UInt64 = 3_600_000_000

    package init() {}

    package var count: UInt64 { histogram.totalCount }

    package mutating func record(_ nanoseconds: Int64, count: Int = 1) {
        guard count > 0 else { return }
        let microseconds = UInt64(Swift.max(0, nanoseconds) / 1000)
        histogram.record(min(microseconds, Self.highest), count: UInt64(count))
    }

    package mutating func add(_ other: LatencyHistogram) { histogram.add(other.histogram) }

    /// Milliseconds below which so many of a hundred are; nil: there is none.
    package func percentile(_ percentile: Double) -> Double? {
        count == 0 ? nil : Double(histogram.valueAtPercentile(percentile)) / 1000
    }

    package var mean: Double? { count == 0 ? nil : histogram.mean / 1000 }
    package var max: Double? { count == 0 ? nil : Double(histogram.max) / 1000 }

    /// A curve through all of it: steps get finer towards the slowest, down to the last one. The part that is faster or as
    /// fast, from 0 to 1, and milliseconds.
    package var curve: [(part: Double, milliseconds: Double)] {
        guard count > 0 else { return [] }
        return histogram.percentiles(ticksPerHalfDistance: 8).map {
            (part: $0.percentileLevelIteratedTo / 100, milliseconds: Double($0.value) / 1000)
        }
    }
}
