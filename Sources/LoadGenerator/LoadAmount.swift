/// How much is measured, after a warm-up.
package struct LoadAmount: Sendable, Hashable {
    package enum Extent: Sendable, Hashable {
        case seconds(Double)
        case records(Int)
    }

    /// Seconds before anything is counted.
    package var warmup: Double
    package var extent: Extent

    package init(warmup: Double, _ extent: Extent) {
        self.warmup = warmup
        self.extent = extent
    }

    /// Seconds from the start until all is sent; nil: that depends on the broker.
    package func duration(rate: Double?) -> Double? {
        switch extent {
        case .seconds(let seconds): warmup + seconds
        case .records(let count): rate.map { warmup + Double(count) / $0 }
        }
    }
}

/// What counts of a load that has no schedule: by time, what is answered within it; by number, what is sent after the
/// warm-up.
package struct LoadWindow: Sendable {
    package let from: Int64
    /// `.max`: until so many records have been sent.
    package let until: Int64
    /// nil: the time decides.
    package let records: Int?

    package init(_ amount: LoadAmount, start: Int64) {
        from = start + LoadClock.nanoseconds(amount.warmup)
        switch amount.extent {
        case .seconds(let seconds):
            until = from + LoadClock.nanoseconds(seconds)
            records = nil
        case .records(let count):
            until = .max
            records = count
        }
    }
}
