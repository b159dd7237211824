internal import Storage
internal import Synchronization

/// Someone who waits for a round. Called once, on the thread that committed it: do little there.
package protocol RoundWatcher: AnyObject, Sendable {
    func roundReached()
}

/// How far the rounds have come. Rounds are numbered from 1 and end in order, so a number is all that a reply has to
/// remember to know whether its batches are written or durable.
package final class CommitRounds: Sendable {
    /// `written`: in the segments, for readers of this machine's page cache to come; `committed`: durable and visible.
    package enum Stage: Sendable { case written, committed }

    private let written = Atomic<UInt64>(0)
    private let committed = Atomic<UInt64>(0)
    private let waiting = Mutex(Waiting())

    private struct Waiting {
        var forWritten: [(round: UInt64, watcher: any RoundWatcher)] = []
        var forCommitted: [(round: UInt64, watcher: any RoundWatcher)] = []
        /// Those for `committed`, by round: most wait for the same one.
        var tasks: [WaitingTasks] = []

        mutating func add(_ task: UnsafeContinuation<Void, Never>, round: UInt64) {
            if let place = tasks.lastIndex(where: { $0.round == round }) { return tasks[place].tasks.append(task) }
            tasks.append(WaitingTasks(round: round, tasks: [task]))
        }

        mutating func takeTasks(upTo round: UInt64) -> [WaitingTasks] {
            guard tasks.contains(where: { $0.round <= round }) else { return [] }
            let due = tasks.filter { $0.round <= round }
            tasks.removeAll { $0.round <= round }
            return due
        }
    }

    private struct WaitingTasks {
        let round: UInt64
        var tasks: [UnsafeContinuation<Void, Never>]
    }

    package init() {}

    package var writtenRound: UInt64 { written.load(ordering: .acquiring) }
    package var committedRound: UInt64 { committed.load(ordering: .acquiring) }

    /// Calls `watcher` once when `round` has reached the stage. False: it has already, and no call will come.
    package func notify(after round: UInt64, _ stage: Stage, _ watcher: any RoundWatcher) -> Bool {
        waiting.withLock { waiting in
            switch stage {
            case .written:
                guard writtenRound < round else { return false }
                waiting.forWritten.append((round, watcher))
            case .committed:
                guard committedRound < round else { return false }
                waiting.forCommitted.append((round, watcher))
            }
            return true
        }
    }

    /// Suspends until `round` is committed.
    func reached(_ round: UInt64) async {
        await withUnsafeContinuation { task in
            let isWaiting = waiting.withLock { waiting in
                guard committedRound < round else { return false }
                waiting.add(task, round: round)
                return true
            }
            if !isWaiting { task.resume() }
        }
    }

    func publish(written round: UInt64) {
        let due = waiting.withLock { waiting in
            // Rounds end in order, but for empty ones, which end when they are asked to.
            written.store(max(round, written.load(ordering: .relaxed)), ordering: .releasing)
            return Self.take(&waiting.forWritten, upTo: round)
        }
        for watcher in due { watcher.roundReached() }
    }

    func publish(committed round: UInt64) {
        let (due, tasks) = waiting.withLock { waiting in
            // Rounds end in order, but for empty ones, which end when they are asked to.
            committed.store(max(round, committed.load(ordering: .relaxed)), ordering: .releasing)
            return (Self.take(&waiting.forCommitted, upTo: round), waiting.takeTasks(upTo: round))
        }
        for watcher in due { watcher.roundReached() }
        for group in tasks { for task in group.tasks { task.resume() } }
    }

    private static func take(
        _ list: inout [(round: UInt64, watcher: any RoundWatcher)], upTo round: UInt64
    ) -> [any RoundWatcher] {
        guard !list.isEmpty else { return [] }
        let due = list.filter { $0.round <= round }.map(\.watcher)
        list.removeAll { $0.round <= round }
        return due
    }
}
