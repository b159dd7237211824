internal import Synchronization

/// How long rounds take from being gathered to being durable, for whoever is to give way when they take long. Written by
/// who leads, read by anyone.
final class RoundLatency: Sendable {
    private static let origin = ContinuousClock.now
    /// How long a figure counts when nothing comes after it: nanoseconds.
    private static let memory: Int64 = 1_000_000_000

    /// An average, in nanoseconds; the last eight rounds or so make it.
    private let average = Atomic<Int64>(0)
    /// When the last round ended; when the one under way began, 0: none is. In nanoseconds since the origin.
    private let lastEnd = Atomic<Int64>(0)
    private let begun = Atomic<Int64>(0)

    func begin(at now: ContinuousClock.Instant = .now) {
        begun.store(max(1, Self.nanoseconds(now)), ordering: .relaxed)
    }

    func end(at now: ContinuousClock.Instant = .now) {
        let end = Self.nanoseconds(now)
        let took = end - begun.load(ordering: .relaxed)
        let old = average.load(ordering: .relaxed)
        average.store(old + (took - old) / 8, ordering: .relaxed)
        lastEnd.store(end, ordering: .relaxed)
        begun.store(0, ordering: .relaxed)
    }

    var averageNanoseconds: Int64 { average.load(ordering: .relaxed) }

    /// What a round takes now: of the last ones, or the one under way if that takes longer. Zero where there was none for
    /// a second.
    func current(at now: ContinuousClock.Instant = .now) -> Duration {
        let time = Self.nanoseconds(now)
        let begun = begun.load(ordering: .relaxed)
        let underWay = begun == 0 ? 0 : max(0, time - begun)
        let isRecent = time - lastEnd.load(ordering: .relaxed) < Self.memory
        return .nanoseconds(max(underWay, isRecent ? average.load(ordering: .relaxed) : 0))
    }

    private static func nanoseconds(_ time: ContinuousClock.Instant) -> Int64 {
        let (seconds, attoseconds) = (time - origin).components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
