internal import KafkaProtocol
internal import NIOCore

/// Consumer groups that commit offsets, each over a connection of its own.
package struct CommitLoad: Sendable {
    package var target: LoadTarget
    /// Any broker of the cluster, which knows where a group's offsets are.
    package var bootstrap: LoadAddress
    /// A connection for each.
    package var groups: [String]
    /// Requests of a connection that wait for their answers.
    package var inFlight = 1
    /// Requests per second of all together; nil: as fast as it goes.
    package var rate: Double?
    package var amount: LoadAmount

    package init(_ target: LoadTarget, bootstrap: LoadAddress, groups: [String], _ amount: LoadAmount) {
        self.target = target
        self.bootstrap = bootstrap
        self.groups = groups
        self.amount = amount
    }

    /// Runs it on the calling thread. A "record" of the tally is an offset.
    package func run(_ watch: LoadWatch = LoadWatch()) throws(LoadError) -> LoadTally {
        let guide = try LoadConnection(to: bootstrap)
        var opened: [LoadConnection] = []
        for group in groups {
            let address = try guide.coordinator(of: group)
            opened.append(try LoadConnection(to: address, made: opened.count + 1))
        }
        let start = LoadClock.now + (rate == nil ? 0 : LoadRun.lead)
        let schedule = rate.map { Schedule(start: start, rate: $0, amount) }
        let window = LoadWindow(amount, start: start)
        let shared = LoadCommitter.Shared(window, schedule)
        var tasks: [LoadCommitter] = []
        for (place, connection) in opened.enumerated() {
            tasks.append(
                try LoadCommitter(
                    connection, groups[place], target, inFlight: inFlight,
                    share: schedule.map { ScheduleShare(of: $0, place: place, of: opened.count) }, shared))
        }
        let end = schedule.map { $0.due($0.end) } ?? window.until
        let loop = LoadLoop(tasks, interruption: watch.interruption)
        let ending = try loop.run(until: end == .max ? .max : end + LoadRun.patience) { now in
            let part = schedule == nil ? window.records.map { 1 - Double(shared.left) / Double(max(1, $0)) } : nil
            watch.tick(shared.soFar, 0, part ?? LoadRun.part(now, from: start, until: end))
            return true
        }
        if ending == .interrupted { shared.tally.wasInterrupted = true }
        if ending == .deadline { for task in tasks { task.giveUp(LoadClock.now) } }
        if schedule == nil, window.records == nil, ending != .interrupted { shared.tally.end(at: window.until) }
        shared.tally.allRecords = shared.soFar
        return shared.tally
    }
}

/// A group that commits one offset of each partition, over and over.
final class LoadCommitter: LoadTask {
    final class Shared {
        var tally: LoadTally
        let window: LoadWindow
        /// Requests that may still be sent, where their number decides.
        var left: Int
        var soFar = 0
        var isClosing = false

        init(_ window: LoadWindow, _ schedule: Schedule?) {
            tally = LoadTally(start: schedule?.measuredFrom ?? window.from)
            self.window = window
            left = window.records ?? .max
        }
    }

    let connection: LoadConnection
    private let group: String
    private let shared: Shared
    private let inFlightMax: Int
    private let version: Int16
    private var share: ScheduleShare?
    private var request: OffsetCommitRequest
    private var inFlight = CircularBuffer<(dueAt: Int64, isMeasured: Bool)>()
    private var offset: Int64 = 0

    init(
        _ connection: LoadConnection, _ group: String, _ target: LoadTarget, inFlight: Int, share: ScheduleShare?,
        _ shared: Shared
    ) throws(LoadError) {
        self.connection = connection
        self.group = group
        self.shared = shared
        self.share = share
        inFlightMax = inFlight
        version = try connection.version(of: OffsetCommitRequest.self, in: 2...8)
        request = OffsetCommitRequest {
            $0.groupID = group
            $0.topics = [
                OffsetCommitRequest.Topic {
                    $0.name = target.topic
                    $0.partitions = target.partitions.map { partition in
                        OffsetCommitRequest.Partition { $0.partitionIndex = partition.index }
                    }
                }
            ]
        }
    }

    private var isAtEnd: Bool { shared.isClosing || share?.isAtEnd ?? (shared.left <= 0) }
    var isDone: Bool { isAtEnd && inFlight.isEmpty }

    func advance(_ now: Int64) throws(LoadError) -> Int64 {
        if share == nil, shared.window.records == nil, now >= shared.window.until { shared.isClosing = true }
        while inFlight.count < inFlightMax, !isAtEnd {
            if var share {
                guard share.waiting(at: now) > 0 else { return share.due(share.sent) }
                let index = share.take(1).lowerBound
                self.share = share
                try send(share.due(index), share.schedule.isMeasured(share.number(index)))
            } else {
                let isMeasured = now >= shared.window.from
                if isMeasured, shared.window.records != nil { shared.left -= 1 }
                try send(now, isMeasured)
            }
        }
        return .max
    }

    private func send(_ dueAt: Int64, _ isMeasured: Bool) throws(LoadError) {
        offset += 1
        for place in request.topics[0].partitions.indices {
            request.topics[0].partitions[place].committedOffset = offset
        }
        inFlight.append((dueAt, isMeasured))
        try connection.send(request, version: version)
    }

    func take(_ answer: ByteBuffer, version: Int16, now: Int64) throws(LoadError) {
        let response = try LoadConnection.read(OffsetCommitResponse.self, answer, version: version)
        let partitions = response.topics.flatMap(\.partitions)
        if let refused = partitions.first(where: { $0.errorCode != .none }) {
            throw .rejected(api: "OffsetCommit", of: "group \(group)", refused.errorCode, message: nil)
        }
        guard let sent = inFlight.popFirst() else { return }
        shared.soFar += partitions.count
        let window = shared.window
        let counts =
            share == nil && window.records == nil ? now >= window.from && now < window.until : sent.isMeasured
        if counts { shared.tally.count(records: partitions.count, at: now) }
        if sent.isMeasured { shared.tally.latency.record(now - sent.dueAt) }
    }

    /// What was due and has no answer counts as if it had come now.
    func giveUp(_ now: Int64) {
        for sent in inFlight where sent.isMeasured {
            shared.tally.latency.record(now - sent.dueAt)
            shared.tally.unanswered += 1
        }
        guard let share else { return }
        for index in share.sent..<(share.sent + max(0, share.waiting(at: now)))
        where share.schedule.isMeasured(share.number(index)) {
            shared.tally.latency.record(now - share.due(index))
            shared.tally.unanswered += 1
        }
    }
}
