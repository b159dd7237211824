internal import EventLog
internal import NIOCore

/// Someone on a loop who waits for a round.
protocol RoundWaiter: AnyObject {
    /// Called on the loop.
    func roundReached()
}

/// Those of one loop who wait for a round: connections whose next answer does, groups whose state is being stored. The
/// committer wakes the loop once a round, however many answers that makes.
final class RoundWaitList: RoundWatcher, @unchecked Sendable {
    // Unchecked: used on the loop alone, but for `roundReached`.
    private let loop: any EventLoop
    private let rounds: CommitRounds
    private let stage: CommitRounds.Stage
    private var waiting: [(round: UInt64, waiter: any RoundWaiter)] = []
    private var isArmed = false

    init(_ loop: any EventLoop, _ rounds: CommitRounds, _ stage: CommitRounds.Stage) {
        self.loop = loop
        self.rounds = rounds
        self.stage = stage
    }

    func hasReached(_ round: UInt64) -> Bool { reached >= round }

    /// The last round that has reached the stage.
    private var reached: UInt64 {
        switch stage {
        case .written: rounds.writtenRound
        case .committed: rounds.committedRound
        }
    }

    /// Calls the waiter's `roundReached` once the round is.
    func add(_ waiter: any RoundWaiter, round: UInt64) {
        waiting.append((round, waiter))
        arm()
    }

    private func arm() {
        guard !isArmed, let next = waiting.lazy.map(\.round).min() else { return }
        isArmed = true
        if !rounds.notify(after: next, stage, self) { roundReached() }
    }

    func roundReached() {
        loop.execute {
            self.isArmed = false
            // Asked once: a round that is reached meanwhile would be taken off the list without a call.
            let reached = self.reached
            let due = self.waiting.filter { $0.round <= reached }
            self.waiting.removeAll { $0.round <= reached }
            for (_, waiter) in due { waiter.roundReached() }
            self.arm()
        }
    }
}
