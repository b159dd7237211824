internal import EventLog
internal import KafkaProtocol
internal import NIOCore
internal import Synchronization

/// A fetch that waits: woken by each of its partitions when records become durable, or by its time.
final class DelayedFetch: PartitionWatcher, @unchecked Sendable {
    // Unchecked: used on the connection's loop alone, but for `partitionAdvanced`.
    let call: Call
    private let fetch: Fetch
    private let deadline: NIODeadline
    private var timeout: Scheduled<Void>?
    private var watched: [Partition] = []
    private var isDone = false
    /// True: the loop has been asked to look again already.
    private let isWoken = Atomic(false)

    init(_ fetch: Fetch, milliseconds: Int) {
        self.fetch = fetch
        call = fetch.call
        deadline = .now() + .milliseconds(Int64(milliseconds))
    }

    private var loop: any EventLoop { call.connection.loop.eventLoop }

    /// - Parameter plan: what was seen, and is not enough.
    func start(after plan: FetchPlan) {
        call.connection.add(self)
        timeout = loop.scheduleTask(deadline: deadline) { self.finishNow() }
        watch(after: plan)
    }

    /// Asks each partition to call when it grows past what was there at the last look.
    private func watch(after plan: FetchPlan) {
        if !fetch.source.watch(after: plan, self, call.connection.context.log, &watched) { partitionAdvanced() }
    }

    private func unwatch() { fetch.source.unwatch(self, &watched) }

    func partitionAdvanced() {
        guard !isWoken.exchange(true, ordering: .acquiringAndReleasing) else { return }
        loop.execute { self.look() }
    }

    private func look() {
        guard !isDone else { return }
        unwatch()
        isWoken.store(false, ordering: .releasing)
        let plan = fetch.plan()
        if plan.isEnough { return finish(plan) }
        watch(after: plan)
    }

    /// Answers with what there is.
    func finishNow() {
        guard !isDone else { return }
        finish(fetch.plan(isLast: true))
    }

    private func finish(_ plan: FetchPlan) {
        cancel()
        call.connection.remove(self)
        fetch.reply(plan)
    }

    func cancel() {
        isDone = true
        timeout?.cancel()
        unwatch()
    }
}
