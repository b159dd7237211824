// What ThreadSanitizer must say nothing of (a Mutex that threads wait for), and, with an argument, must find (a race).
import Glibc
import Synchronization

final class Counter: Sendable {
    let value = Mutex<[Int]>([0])
}

let counter = Counter()
nonisolated(unsafe) var unguarded = 0
let races = CommandLine.arguments.count > 1
var threads: [pthread_t] = []
for _ in 0..<4 {
    var thread = pthread_t()
    pthread_create(
        &thread, nil,
        { _ in
            // A race takes long to be reported, even where it was reported before.
            for i in 0..<(races ? 1000 : 100_000) {
                counter.value.withLock {
                    $0[0] += 1
                    if i % 64 == 0 { sched_yield() }
                }
                if races { unguarded += 1 }
            }
            return nil
        }, nil)
    threads.append(thread)
}
for thread in threads { pthread_join(thread, nil) }
print(counter.value.withLock { $0[0] })
