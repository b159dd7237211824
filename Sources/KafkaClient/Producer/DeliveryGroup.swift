internal import Synchronization

/// Records that one caller waits for together.
final class DeliveryGroup: Sendable {
    private struct State {
        /// One is the caller's own, until it has handed in all records.
        var outstanding = 1
        var error: KafkaClientError?
        var waiter: CheckedContinuation<Result<Void, KafkaClientError>, Never>?
    }

    private let state = Mutex(State())

    func add(_ count: Int) { state.withLock { $0.outstanding += count } }

    func complete(_ count: Int, _ error: KafkaClientError?) {
        let done = state.withLock {
            state -> (CheckedContinuation<Result<Void, KafkaClientError>, Never>, KafkaClientError?)? in
            state.outstanding -= count
            if state.error == nil { state.error = error }
            guard state.outstanding == 0, let waiter = state.waiter else { return nil }
            state.waiter = nil
            return (waiter, state.error)
        }
        if let (waiter, error) = done { waiter.resume(returning: error.map { .failure($0) } ?? .success(())) }
    }

    /// Waits for all. Throws the first error.
    func wait() async throws(KafkaClientError) {
        try await withCheckedContinuation { waiter in
            state.withLock { $0.waiter = waiter }
            complete(1, nil)
        }.get()
    }
}
