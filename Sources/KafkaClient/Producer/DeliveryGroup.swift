internal import Synchronization

/// Records that one caller waits for together.
final class DeliveryGroup: Sendable {
    private struct State {
        /// One is the caller's own, until it has handed in all records.
        var outstanding = 1
        var error: KafkaClientError?
    }

    private let state = Mutex(State())
    private let end = Pending<Void>()

    func add(_ count: Int) { state.withLock { $0.outstanding += count } }

    func complete(_ count: Int, _ error: KafkaClientError?) {
        let outcome = state.withLock { state -> Pending<Void>.Outcome? in
            state.outstanding -= count
            if state.error == nil { state.error = error }
            guard state.outstanding == 0 else { return nil }
            return state.error.map { .failure($0) } ?? .success(())
        }
        if let outcome { end.complete(outcome) }
    }

    /// Waits for all. Throws the first error, or `cancelled`.
    nonisolated(nonsending) func wait() async throws(KafkaClientError) {
        complete(1, nil)
        try await end.wait()
    }
}
