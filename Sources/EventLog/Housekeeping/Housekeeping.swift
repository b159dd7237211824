internal import Storage
internal import Synchronization

/// The threads that keep a log in bounds: each does its task, waits, and does it again. They know nothing of the log
/// itself, so that one that is dropped ends them.
final class Housekeeping: Sendable {
    private let tasks: [HousekeepingTask]
    private let state = Monitor(State())
    private let threads = Mutex<[WorkerThread]>([])

    private struct State {
        var hasStarted = false
        var isStopping = false
        /// Counts the times that someone woke the threads.
        var wakes = 0
    }

    init(_ tasks: [HousekeepingTask]) { self.tasks = tasks }

    /// Starts the threads, once; the first pass is due after an interval. Not after `stop`.
    func start() {
        let isFirst = state.withLock { state in
            defer { state.hasStarted = true }
            return !state.hasStarted && !state.isStopping
        }
        guard isFirst else { return }
        let started = tasks.map { task in
            WorkerThread(name: task.name) { [state] in Self.run(task, state) }
        }
        threads.withLock { $0 = started }
        // Stopped in between: whoever did found no threads to wait for.
        if state.withLock({ $0.isStopping }) { join() }
    }

    /// Has every task done now, whatever its interval: something was set that it is to follow.
    func wake() {
        state.withLock { $0.wakes += 1 }
        state.signalAll()
    }

    /// Ends the threads, and the tasks that are under way at the next place where they can be.
    func stop() {
        state.withLock { $0.isStopping = true }
        state.signalAll()
        for task in tasks { task.onStop() }
        join()
    }

    private func join() {
        let ended = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        for thread in ended { thread.join() }
    }

    private static func run(_ task: HousekeepingTask, _ state: Monitor<State>) {
        var wakes = state.withLock { $0.wakes }
        while true {
            let isStopping = state.wait(
                milliseconds: Int(clamping: task.interval()), until: { $0.isStopping || $0.wakes != wakes },
                then: { state in
                    wakes = state.wakes
                    return state.isStopping
                })
            if isStopping { return }
            task.body()
        }
    }
}

/// What one of the threads does.
struct HousekeepingTask: Sendable {
    /// The thread's; at most 15 bytes.
    let name: String
    /// How long it waits before each pass, in milliseconds.
    let interval: @Sendable () -> Int64
    /// Ends a pass that is under way.
    var onStop: @Sendable () -> Void = {}
    let body: @Sendable () -> Void
}
