import Dispatch
import Synchronization

/// Threads that compute all the time, until they are stopped.
final class BusyThreads: Sendable {
    private let isStopping = Atomic(false)
    private let ended = DispatchGroup()

    init(_ count: Int) {
        for number in 0..<count {
            DispatchQueue(label: "busy-\(number)").async(group: ended) { [self] in
                while !isStopping.load(ordering: .relaxed) {}
            }
        }
    }

    func stop() {
        isStopping.store(true, ordering: .relaxed)
        ended.wait()
    }
}
