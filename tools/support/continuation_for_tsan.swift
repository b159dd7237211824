// Tasks that wait, and a thread that resumes them: what ThreadSanitizer reports here is the Swift runtime's (tsan_suppressions).
import Glibc
import Synchronization

final class Rounds: Sendable {
    private struct State {
        var round = 0
        var tasks: [UnsafeContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    func waitForNext() async {
        let round = state.withLock { $0.round }
        await withUnsafeContinuation { task in
            let isWaiting = state.withLock { state in
                guard state.round == round else { return false }
                state.tasks.append(task)
                return true
            }
            if !isWaiting { task.resume() }
        }
    }

    func end() {
        let tasks = state.withLock { state in
            state.round += 1
            defer { state.tasks = [] }
            return state.tasks
        }
        for task in tasks { task.resume() }
    }
}

let rounds = Rounds()
let isDone = Atomic(false)
var thread = pthread_t()
pthread_create(
    &thread, nil,
    { _ in
        while !isDone.load(ordering: .relaxed) {
            rounds.end()
            usleep(50)
        }
        return nil
    }, nil)

@inline(never)
func sum(_ start: Int, _ numbers: [Int]) async -> Int {
    let shifted = numbers.map { $0 &+ start }
    await rounds.waitForNext()
    return shifted.reduce(start, &+)
}

let total = await withTaskGroup(of: Int.self) { tasks in
    for task in 0..<16 {
        tasks.addTask {
            var total = 0
            for i in 0..<3000 { total &+= await sum(task &+ i, [1, 2, i]) }
            return total
        }
    }
    return await tasks.reduce(0, &+)
}
isDone.store(true, ordering: .relaxed)
pthread_join(thread, nil)
print(total)
