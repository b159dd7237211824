import Synchronization

@testable import EventLog

/// The time of day, as a test says.
final class SettableClock: Sendable {
    private let milliseconds: Atomic<Int64>

    init(_ milliseconds: Int64 = 1_700_000_000_000) { self.milliseconds = Atomic(milliseconds) }

    var now: Timestamp { Timestamp(milliseconds: milliseconds.load(ordering: .acquiring)) }

    func advance(by count: Int64) { milliseconds.wrappingAdd(count, ordering: .acquiringAndReleasing) }
}
