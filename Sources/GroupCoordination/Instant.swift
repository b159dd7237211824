/// A point on a monotonic clock, in milliseconds since that clock began.
package struct Instant: Hashable, Comparable, Sendable {
    package let milliseconds: Int64

    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    package static func < (a: Instant, b: Instant) -> Bool { a.milliseconds < b.milliseconds }

    /// So many milliseconds later. Saturates instead of trapping: timeouts come from clients.
    package func advanced(by duration: Int64) -> Instant {
        let (sum, overflow) = milliseconds.addingReportingOverflow(duration)
        return Instant(milliseconds: overflow ? (duration < 0 ? .min : .max) : sum)
    }
}
