internal import EventLog
internal import KafkaProtocol
internal import NIOCore
internal import Synchronization

/// A fetch that waits: woken by each of its partitions when records become durable, or by its time.
final class DelayedFetch: PartitionWatcher, @unchecked Sendable {
    // Unchecked: used on the connection's loop alone, but for `partitionAdvanced`.
    let call: Call
    private let request: FetchRequest
    private let deadline: NIODeadline
    private var timeout: Scheduled<Void>?
    private var watched: [Partition] = []
    private var isDone = false
    /// True: the loop has been asked to look again already.
    private let isWoken = Atomic(false)

    init(_ request: FetchRequest, _ call: Call, milliseconds: Int) {
        self.request = request
        self.call = call
        deadline = .now() + .milliseconds(Int64(milliseconds))
    }

    private var loop: any EventLoop { call.connection.loop.eventLoop }

    func start() {
        call.connection.add(self)
        timeout = loop.scheduleTask(deadline: deadline) { self.finishNow() }
        watch()
    }

    /// Asks each partition to call when it grows past what is there now.
    private func watch() {
        for topic in request.topics {
            guard let found = call.connection.context.log.topic(topic.topic) else { continue }
            for wanted in topic.partitions {
                guard let partition = found.partition(Int(wanted.partition)) else { continue }
                let end = max(partition.end, Offset(wanted.fetchOffset))
                guard partition.watch(past: end, self) else { return partitionAdvanced() }
                watched.append(partition)
            }
        }
    }

    private func unwatch() {
        for partition in watched { partition.unwatch(self) }
        watched = []
    }

    func partitionAdvanced() {
        guard !isWoken.exchange(true, ordering: .acquiringAndReleasing) else { return }
        loop.execute { self.look() }
    }

    private func look() {
        guard !isDone else { return }
        unwatch()
        isWoken.store(false, ordering: .releasing)
        let plan = FetchPlan(request, call)
        if plan.isEnough { return finish(plan) }
        watch()
    }

    /// Answers with what there is.
    func finishNow() {
        guard !isDone else { return }
        finish(FetchPlan(request, call))
    }

    private func finish(_ plan: FetchPlan) {
        cancel()
        call.connection.remove(self)
        plan.reply()
    }

    func cancel() {
        isDone = true
        timeout?.cancel()
        unwatch()
    }
}
