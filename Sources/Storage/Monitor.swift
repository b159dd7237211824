internal import Glibc

/// State behind a lock, with waiting: what `Synchronization.Mutex` lacks. Fair enough for a handful of threads.
///
/// Inlinable, so that it is specialized for its state in other modules too: an append takes one of these locks.
@usableFromInline package final class Monitor<State>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    // Unchecked: whoever comes back here with the lock held waits for itself, before it gets to the state.
    @exclusivity(unchecked) @usableFromInline var state: State

    package init(_ state: sending State) {
        self.state = state
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        // Time-outs run on the monotonic clock: a wall clock set back must not stretch them.
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    @usableFromInline func lock() { pthread_mutex_lock(mutex) }
    @usableFromInline func unlock() { pthread_mutex_unlock(mutex) }
    @usableFromInline func awaitSignal() { pthread_cond_wait(condition, mutex) }

    @inlinable @inline(__always)
    package func withLock<R, E: Error>(_ body: (inout State) throws(E) -> R) throws(E) -> R {
        lock()
        defer { unlock() }
        return try body(&state)
    }

    /// Waits until `isReady` holds, then runs `body`, both under the lock.
    @inlinable
    package func wait<R>(until isReady: (inout State) -> Bool, then body: (inout State) -> R) -> R {
        lock()
        defer { unlock() }
        while !isReady(&state) { awaitSignal() }
        return body(&state)
    }

    /// The same, for at most `milliseconds`: `body` runs in either case.
    package func wait<R>(
        milliseconds: Int, until isReady: (inout State) -> Bool, then body: (inout State) -> R
    ) -> R {
        let (nanoseconds, overflows) = Int64(max(0, milliseconds)).multipliedReportingOverflow(by: 1_000_000)
        return wait(nanoseconds: overflows ? .max : nanoseconds, until: isReady, then: body)
    }

    /// The same in nanoseconds; the system may wait for some fifty thousand longer.
    package func wait<R>(
        nanoseconds: Int64, until isReady: (inout State) -> Bool, then body: (inout State) -> R
    ) -> R {
        var deadline = timespec()
        clock_gettime(CLOCK_MONOTONIC, &deadline)
        // A deadline that has passed is one all the same; a negative one would be no time to the system.
        let nanoseconds = max(0, nanoseconds)
        let fraction = deadline.tv_nsec + Int(nanoseconds % 1_000_000_000)
        deadline.tv_sec += Int(nanoseconds / 1_000_000_000) + fraction / 1_000_000_000
        deadline.tv_nsec = fraction % 1_000_000_000
        lock()
        defer { unlock() }
        while !isReady(&state) {
            if pthread_cond_timedwait(condition, mutex, &deadline) == ETIMEDOUT { break }
        }
        return body(&state)
    }

    package func signalAll() { pthread_cond_broadcast(condition) }
}

/// The state of a monitor that is only there to take turns. It has a byte: ThreadSanitizer takes changes of a state without
/// any, as of `()`, for changes of the monitor itself.
package struct Turn: Sendable {
    private let byte: UInt8 = 0

    package init() {}
}
