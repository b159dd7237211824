internal import RecordFormat
internal import Storage
internal import Synchronization

/// Why a pass over a partition ended early.
enum CompactionInterruption: Error, Equatable {
    /// It was told to.
    case stopped
    /// The segments are not the partition's any more: they, or the topic, were deleted.
    case gone
    case failed(LogError)
}

/// Ends a compaction that is at work on another thread, at its next batch.
package final class CompactionStop: Sendable {
    private let state = Monitor(false)
    private let hasStopped = Atomic(false)

    package init() {}

    package func stop() {
        hasStopped.store(true, ordering: .releasing)
        state.withLock { $0 = true }
        state.signalAll()
    }

    package var isStopped: Bool { hasStopped.load(ordering: .acquiring) }

    /// Waits; not longer than until it is stopped.
    func wait(milliseconds: Int) { state.wait(milliseconds: milliseconds, until: { $0 }, then: { _ in }) }
}

/// How many bytes may pass by now: a bucket that fills at a rate, and holds what comes in a tenth of a second.
struct TokenBucket {
    private var tokens = 0.0
    private var last: ContinuousClock.Instant?

    /// Takes `bytes` out, and returns for how long to wait so that the rate is kept.
    mutating func take(_ bytes: Int, rate: Double, at now: ContinuousClock.Instant) -> Duration {
        let most = rate / 10
        if let last {
            tokens = min(most, tokens + rate * ((now - last) / .seconds(1)))
        } else {
            tokens = most
        }
        last = now
        tokens -= Double(bytes)
        guard tokens < 0 else { return .zero }
        return .seconds(min(-tokens / rate, 3600))
    }
}

/// What holds a pass back: it stops when told to, keeps to a rate of bytes, and gives way to appends that take long.
/// Used by one thread.
struct CompactionControl: ~Copyable {
    private let stop: CompactionStop
    private let isClosing: () -> Bool
    private let settings: () -> LogSettings
    private let appendLatency: () -> Duration
    private var bucket = TokenBucket()
    private var pending = 0
    /// Bytes that pass whatever appends take.
    private var grace = 0

    /// So many bytes pass before it looks at the time.
    private static let step = 256 << 10
    private static let pauseMilliseconds = 25
    /// Where appends are always slow, so much is done after so many pauses all the same: else the log would grow without
    /// end.
    private static let pausesMax = 40, graceBytes = 4 << 20

    init(
        _ stop: CompactionStop, isClosing: @escaping () -> Bool, settings: @escaping () -> LogSettings,
        appendLatency: @escaping () -> Duration
    ) {
        self.stop = stop
        self.isClosing = isClosing
        self.settings = settings
        self.appendLatency = appendLatency
    }

    /// Takes note of bytes that are read or written, and waits where it is too early for them.
    mutating func pass(_ bytes: Int) throws(CompactionInterruption) {
        if isStopped { throw .stopped }
        pending += bytes
        guard pending >= Self.step else { return }
        giveWay()
        keepRate()
        pending = 0
        if isStopped { throw .stopped }
    }

    private var isStopped: Bool { stop.isStopped || isClosing() }

    private mutating func giveWay() {
        grace -= pending
        guard grace <= 0, let most = settings().compactionLatencyMilliseconds else { return }
        for _ in 0..<Self.pausesMax {
            if isStopped || appendLatency() <= .milliseconds(most) { return }
            stop.wait(milliseconds: Self.pauseMilliseconds)
        }
        grace = Self.graceBytes
    }

    private mutating func keepRate() {
        var taken = pending
        // In steps: the rate may be changed meanwhile.
        while !isStopped, let rate = settings().compactionBytesPerSecond {
            let delay = bucket.take(taken, rate: rate, at: .now)
            guard delay > .zero else { return }
            taken = 0
            stop.wait(milliseconds: min(1000, Int(delay / .milliseconds(1)) + 1))
        }
    }
}
