import Foundation
import Storage
import Testing

@Suite("Monitors")
struct MonitorTests {
    @Test("many threads count without losing one")
    func counting() {
        let counter = Monitor(0)
        let threads = (0..<8).map { i in
            WorkerThread(name: "counter \(i)") { for _ in 0..<5000 { counter.withLock { $0 += 1 } } }
        }
        for thread in threads { thread.join() }
        #expect(counter.withLock { $0 } == 40_000)
    }

    @Test("a wait ends when what it waits for holds, and sees it under the lock")
    func handover() {
        let monitor = Monitor([Int]())
        let done = Monitor([Int]())
        let consumer = WorkerThread(name: "consumer") {
            for _ in 0..<1000 {
                let value = monitor.wait(until: { !$0.isEmpty }, then: { $0.removeFirst() })
                done.withLock { $0.append(value) }
                monitor.signalAll()
            }
        }
        for i in 0..<1000 {
            // No more than one at a time: both sides wait again and again.
            monitor.wait(until: { $0.isEmpty }, then: { $0.append(i) })
            monitor.signalAll()
        }
        consumer.join()
        #expect(done.withLock { $0 } == Array(0..<1000))
    }

    @Test("one signal wakes everyone who waits")
    func everyone() {
        let monitor = Monitor((isOpen: false, waiting: 0, passed: 0))
        let threads = (0..<6).map { i in
            WorkerThread(name: "waiter \(i)") {
                monitor.withLock { $0.waiting += 1 }
                monitor.signalAll()
                monitor.wait(until: { $0.isOpen }, then: { $0.passed += 1 })
            }
        }
        monitor.wait(until: { $0.waiting == 6 }, then: { _ in })
        #expect(monitor.withLock { $0.passed } == 0)
        monitor.withLock { $0.isOpen = true }
        monitor.signalAll()
        for thread in threads { thread.join() }
        #expect(monitor.withLock { $0.passed } == 6)
    }

    @Test(
        "what holds already needs no signal, whatever the time", arguments: [0, 1, -5, 1 << 40, -1 << 40, .max, .min])
    func alreadyTrue(milliseconds: Int) {
        let monitor = Monitor(7)
        #expect(monitor.wait(until: { $0 == 7 }, then: { $0 }) == 7)
        #expect(monitor.wait(milliseconds: milliseconds, until: { $0 == 7 }, then: { $0 }) == 7)
    }

    @Test("a wait for too long ends all the same, and not before its time", arguments: [30, 1, 0, -1, -999, .min])
    func timeout(milliseconds: Int) {
        let monitor = Monitor(0)
        let start = ContinuousClock.now
        var checks = 0
        let result = monitor.wait(
            milliseconds: milliseconds,
            until: { _ in
                checks += 1
                return false
            }, then: { $0 - 1 })
        #expect(result == -1)
        #expect(checks >= 1)
        #expect(ContinuousClock.now - start >= .milliseconds(max(0, milliseconds)))
    }

    @Test("a wait with a time is woken by the signal, however long the time is", arguments: [1 << 40, .max])
    func signalBeforeTimeout(milliseconds: Int) {
        let monitor = Monitor((isWaiting: false, isReady: false))
        let thread = WorkerThread(name: "signaller") {
            monitor.wait(until: { $0.isWaiting }, then: { $0.isReady = true })
            monitor.signalAll()
        }
        let found = monitor.wait(
            milliseconds: milliseconds,
            until: {
                if !$0.isWaiting {
                    $0.isWaiting = true
                    monitor.signalAll()
                }
                return $0.isReady
            }, then: { $0.isReady })
        #expect(found)
        thread.join()
    }

    @Test("an error of the body goes out and the lock with it")
    func errors() throws {
        struct Failure: Error {}
        let monitor = Monitor(0)
        #expect(throws: Failure.self) { try monitor.withLock { _ in throw Failure() } }
        #expect(monitor.withLock { $0 } == 0)
    }
}

@Suite("Threads of our own")
struct WorkerThreadTests {
    @Test("join waits for the body to return, and may be called again")
    func join() {
        for _ in 0..<50 {
            let (gate, isDone) = (Monitor(false), Monitor(false))
            let thread = WorkerThread(name: "worker") {
                gate.wait(until: { $0 }, then: { _ in })
                isDone.withLock { $0 = true }
            }
            gate.withLock { $0 = true }
            gate.signalAll()
            thread.join()
            #expect(isDone.withLock { $0 })
            thread.join()
        }
    }

    @Test("a thread has its name, as much of it as the system takes", arguments: ["short", "a name that is too long"])
    func name(name: String) {
        let found = Monitor("")
        WorkerThread(name: name) {
            let text = (try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)) ?? "?"
            found.withLock { $0 = text }
        }.join()
        #expect(found.withLock { $0 } == String(name.prefix(15)) + "\n")
    }

    @Test("what the body holds is let go when it is done")
    func release() {
        final class Held: Sendable {}
        weak var weakly: Held?
        do {
            let held = Held()
            weakly = held
            WorkerThread(name: "holder") { withExtendedLifetime(held) {} }.join()
        }
        #expect(weakly == nil)
    }
}
