internal import Synchronization

/// Answers that come one by one, from any thread, and are wanted together.
final class Gathering<Value: Sendable>: Sendable {
    private let state: Mutex<(values: [Value?], missing: Int)>
    private let completion: @Sendable ([Value]) -> Void

    /// - Parameter completion: called once, with as many values as there are places.
    init(_ count: Int, _ completion: @escaping @Sendable ([Value]) -> Void) {
        state = Mutex((Array(repeating: nil, count: count), count))
        self.completion = completion
        if count == 0 { completion([]) }
    }

    /// Each place is set once.
    func set(_ value: Value, at place: Int) {
        let values = state.withLock { state -> [Value]? in
            precondition(state.values[place] == nil, "place \(place) is set twice")
            state.values[place] = value
            state.missing -= 1
            return state.missing == 0 ? state.values.compactMap { $0 } : nil
        }
        if let values { completion(values) }
    }
}
