import Dispatch
import Synchronization

/// What the disk and Swift's tasks leave for durable appends of many callers: nothing is appended. When all of them wait, a
/// thread writes one block for so many records past the page cache, and resumes them.
final class BareRounds: @unchecked Sendable {
    // Unchecked: the journal belongs to the thread, and to `close` when that has ended.
    private let journal: DurableWrites
    private let callers: Int
    private let waiting = Mutex<[UnsafeContinuation<Void, Never>]>([])
    private let isFull = DispatchSemaphore(value: 0)
    private let isStopping = Atomic(false)
    private let hasStopped = DispatchSemaphore(value: 0)

    init(directory: String, callers: Int, recordBytes: Int) throws {
        self.callers = callers
        journal = try DurableWrites(directory: directory, byteCount: callers * recordBytes)
        DispatchQueue(label: "bare-rounds").async { [self] in run() }
    }

    /// Suspends until the next write is on the disk.
    func wait() async {
        await withUnsafeContinuation { task in
            let count = waiting.withLock { waiting in
                waiting.append(task)
                return waiting.count
            }
            if count == callers { isFull.signal() }
        }
    }

    func close() {
        isStopping.store(true, ordering: .releasing)
        hasStopped.wait()
        journal.close()
    }

    private func run() {
        while !isStopping.load(ordering: .acquiring) {
            // Those that have ended do not come any more: then it is for the rest.
            _ = isFull.wait(timeout: .now() + .milliseconds(1))
            let tasks = waiting.withLock { waiting in
                defer { waiting = [] }
                return waiting
            }
            guard !tasks.isEmpty else { continue }
            journal.write()
            for task in tasks { task.resume() }
        }
        hasStopped.signal()
    }
}
