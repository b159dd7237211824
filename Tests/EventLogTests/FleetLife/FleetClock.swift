import Synchronization

/// The time of day where the fleet lives: it stands still until it is moved.
final class FleetClock: Sendable {
    private let milliseconds: Atomic<Int64>

    init(at milliseconds: Int64) { self.milliseconds = Atomic(milliseconds) }

    var now: Int64 { milliseconds.load(ordering: .acquiring) }

    func advance(by milliseconds: Int64) {
        self.milliseconds.wrappingAdd(milliseconds, ordering: .acquiringAndReleasing)
    }

    static let minute: Int64 = 60_000
    static let hour: Int64 = 60 * minute
    static let day: Int64 = 24 * hour
}
