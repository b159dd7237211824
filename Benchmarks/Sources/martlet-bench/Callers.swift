import Dispatch

/// Many callers at once, each of which calls again when it has been answered.
enum Callers {
    /// How many calls a second all of them together make. `body` gets the caller's number.
    static func rate(
        of count: Int, for time: Duration, _ body: @escaping @Sendable (Int) async throws -> Void
    ) -> Double {
        let done = DispatchSemaphore(value: 0)
        let counter = Counter()
        let start = ContinuousClock.now
        Task.detached {
            await withTaskGroup(of: Int.self) { tasks in
                for caller in 0..<count {
                    tasks.addTask {
                        var count = 0
                        while ContinuousClock.now - start < time {
                            guard (try? await body(caller)) != nil else { return 0 }
                            count += 1
                        }
                        return count
                    }
                }
                for await count in tasks { counter.count += count }
            }
            done.signal()
        }
        done.wait()
        return Double(counter.count) / ((ContinuousClock.now - start) / .seconds(1))
    }

    private final class Counter: @unchecked Sendable {
        // Unchecked: written by one task, read after it has signalled.
        var count = 0
    }
}
