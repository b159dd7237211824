import Glibc
import Synchronization

/// SIGINT and SIGTERM for a command that ends what it has begun. A second one, a moment later, ends the
/// process at once.
enum Interruption {
    /// Readable once a signal has come: for `poll`. Before `catchSignals` it is no descriptor, which `poll` passes over.
    static var descriptor: Int32 { readEnd.load(ordering: .relaxed) }
    private static let readEnd = Atomic<Int32>(-1)
    private static let writeEnd = Atomic<Int32>(-1)
    /// When the first signal came, in nanoseconds of the monotonic clock; 0 before.
    private static let first = Atomic<UInt64>(0)
    /// What sends a signal to a process and to its group, as `timeout` does, means it once.
    private static let sameSignal: UInt64 = 250_000_000

    static func catchSignals() {
        var ends: [Int32] = [-1, -1]
        // Without a pipe the signals do what they always do.
        guard pipe(&ends) == 0 else { return }
        readEnd.store(ends[0], ordering: .relaxed)
        writeEnd.store(ends[1], ordering: .relaxed)
        // Made here, and not by the handler.
        first.store(0, ordering: .relaxed)
        for number in [SIGINT, SIGTERM] {
            signal(number) { Interruption.handle($0) }
        }
    }

    /// In the signal's handler: only calls that are safe there.
    private static func handle(_ number: Int32) {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let now = UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
        let (isFirst, before) = first.compareExchange(expected: 0, desired: now, ordering: .relaxed)
        guard isFirst else {
            // Threads may have read the clock in the other order.
            guard now >= before + sameSignal else { return }
            signal(number, SIG_DFL)
            raise(number)
            return
        }
        var one: UInt8 = 1
        _ = write(writeEnd.load(ordering: .relaxed), &one, 1)
    }
}
