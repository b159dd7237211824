internal import EventLog
internal import KafkaProtocol

/// What a fetch reads from: the partitions that its request names, or those of a session.
enum FetchSource: Sendable {
    case request(FetchRequest, opensSession: Bool)
    /// `epoch` is the request's: a session that has gone on is no longer its own.
    case session(FetchSession, epoch: Int32)

    /// - Parameter isLast: the plan is the answer, whatever it holds.
    func read(into plan: inout FetchPlan, isLast: Bool) {
        switch self {
        case .request(let request, _): plan.read(request)
        case .session(let session, let epoch): session.read(into: &plan, epoch: epoch, isLast: isLast)
        }
    }

    /// Has `watcher` called when a partition grows past what `plan` saw, and adds those that will to `watched`; a session
    /// watches by itself. False: one has grown already.
    func watch(
        after plan: FetchPlan, _ watcher: any PartitionWatcher, _ log: EventLog, _ watched: inout [Partition]
    ) -> Bool {
        switch self {
        case .session(let session, let epoch): return session.wait(watcher, epoch: epoch)
        case .request(let request, _):
            for (topic, seen) in zip(request.topics, plan.response.responses) {
                for (wanted, data) in zip(topic.partitions, seen.partitions) {
                    let place = FetchPlace(topic, wanted.partition)
                    guard let partition = place.find(in: log, byID: plan.namesByID).partition else { continue }
                    guard partition.watch(past: Offset(data.highWatermark), watcher) else { return false }
                    watched.append(partition)
                }
            }
            return true
        }
    }

    func unwatch(_ watcher: any PartitionWatcher, _ watched: inout [Partition]) {
        if case .session(let session, _) = self { session.stopWaiting(watcher) }
        for partition in watched { partition.unwatch(watcher) }
        watched.removeAll(keepingCapacity: true)
    }
}
