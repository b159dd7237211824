internal import Synchronization

/// A result that a task waits for. The first of those who complete it decides: who has the result, who closes, or the
/// cancellation of the task. What comes later is dropped.
final class Pending<Success: Sendable>: Sendable {
    typealias Outcome = Result<Success, KafkaClientError>

    private enum State {
        case open
        case waiting(CheckedContinuation<Outcome, Never>)
        case complete(Outcome)
    }

    private let state = Mutex(State.open)

    func complete(_ outcome: Outcome) {
        let waiter = state.withLock { state -> CheckedContinuation<Outcome, Never>? in
            switch state {
            case .open:
                state = .complete(outcome)
                return nil
            case .waiting(let waiter):
                state = .complete(outcome)
                return waiter
            case .complete: return nil
            }
        }
        waiter?.resume(returning: outcome)
    }

    /// Waits until it is complete. One task may. Throws `cancelled` as soon as the task is.
    nonisolated(nonsending) func wait() async throws(KafkaClientError) -> Success {
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let outcome = state.withLock { state -> Outcome? in
                    if case .complete(let outcome) = state { return outcome }
                    state = .waiting(waiter)
                    return nil
                }
                if let outcome { waiter.resume(returning: outcome) }
            }
        } onCancel: {
            complete(.failure(.cancelled))
        }
        return try outcome.get()
    }
}
