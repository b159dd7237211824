import Glibc
import Synchronization

/// SIGINT and SIGTERM for a command that ends what it has begun. The second one ends the process at once.
enum Interruption {
    /// Readable once a signal has come: for `poll`. Before `catchSignals` it is no descriptor, which `poll` passes over.
    static var descriptor: Int32 { readEnd.load(ordering: .relaxed) }
    private static let readEnd = Atomic<Int32>(-1)
    private static let writeEnd = Atomic<Int32>(-1)

    static func catchSignals() {
        var ends: [Int32] = [-1, -1]
        // Without a pipe the signals do what they always do.
        guard pipe(&ends) == 0 else { return }
        readEnd.store(ends[0], ordering: .relaxed)
        writeEnd.store(ends[1], ordering: .relaxed)
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                var one: UInt8 = 1
                _ = write(Interruption.writeEnd.load(ordering: .relaxed), &one, 1)
                signal(number, SIG_DFL)
            }
        }
    }
}
