/// Consumers that read what a topic has, from its first record, as fast as they can.
package struct ConsumeLoad: Sendable {
    package var target: LoadTarget
    package var consumers = 1
    /// Of a partition in an answer.
    package var fetchBytes = 1 << 20
    package var amount: LoadAmount

    package init(_ target: LoadTarget, _ amount: LoadAmount) {
        self.target = target
        self.amount = amount
    }

    /// Runs it on the calling thread: over and over, until the time is up or so many records have come.
    package func run(_ watch: LoadWatch = LoadWatch()) throws(LoadError) -> LoadTally {
        let shares = try Self.shares(of: target, among: consumers)
        let opened = try LoadRun.connect(shares)
        let start = LoadClock.now
        let window = LoadWindow(amount, start: start)
        let shared = LoadConsumer.Shared(start: window.from, window)
        var tasks: [LoadConsumer] = []
        for (place, connection) in opened.enumerated() {
            tasks.append(
                try LoadConsumer(
                    connection, target.topic, shares[place], .replay(isEndless: true), shared, fetchBytes: fetchBytes))
        }
        let loop = LoadLoop(tasks, interruption: watch.interruption)
        let ending = try loop.run(until: window.until) { now in
            let part = window.records.map { Double(shared.tally.records) / Double(max(1, $0)) }
            watch.tick(
                shared.recordsSoFar, shared.bytesSoFar, part ?? LoadRun.part(now, from: start, until: window.until))
            return true
        }
        if ending == .interrupted { shared.tally.wasInterrupted = true }
        if window.records == nil, ending != .interrupted { shared.tally.end(at: window.until) }
        (shared.tally.allRecords, shared.tally.allBytes) = (shared.recordsSoFar, shared.bytesSoFar)
        return shared.tally
    }

    /// Only partitions that have something.
    static func shares(
        of target: LoadTarget, among consumers: Int
    ) throws(LoadError) -> [[LoadTarget.Partition]] {
        var filled = target
        filled.partitions.removeAll { $0.end <= $0.start }
        guard !filled.partitions.isEmpty else { throw .nothingToRead(topic: target.topic) }
        return try filled.share(among: consumers)
    }
}
