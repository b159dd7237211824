/// Records at a rate, and consumers at the topic's end: how long it takes from when a record was due until a consumer has
/// it.
package struct LatencyLoad: Sendable {
    package var produce: ProduceLoad
    package var rate: Double
    package var consumers = 1

    package struct Result: Sendable {
        /// Until a record was acknowledged.
        package var acknowledged: LoadTally
        /// Until a consumer had it.
        package var endToEnd: LoadTally
    }

    package init(_ produce: ProduceLoad, rate: Double) {
        self.produce = produce
        self.rate = rate
    }

    /// Runs it on the calling thread.
    package func run(_ watch: LoadWatch = LoadWatch()) throws(LoadError) -> Result {
        let (target, settings) = (produce.target, produce.settings)
        let (shares, readShares) = (
            try target.share(among: produce.connections),
            try target.share(among: min(consumers, target.partitions.count))
        )
        let opened = try LoadRun.connect(shares)
        let reading = try LoadRun.connect(readShares, made: opened.count)
        let encoder = BatchEncoder(produce.payloads, settings.compression, bytesMax: settings.batchBytes)
        let run = UInt64.random(in: 0 ... .max)
        let schedule = Schedule(start: LoadClock.now + LoadRun.lead, rate: rate, produce.amount)
        let sent = LoadProducer.Shared(start: schedule.measuredFrom, records: nil)
        let got = LoadConsumer.Shared(start: schedule.measuredFrom, nil)
        var producers: [LoadProducer] = []
        for (place, connection) in opened.enumerated() {
            let share = ScheduleShare(of: schedule, place: place, of: opened.count)
            producers.append(
                try LoadProducer(
                    connection, target.topic, shares[place], settings, sent, .schedule(share, encoder, run: run),
                    place: place))
        }
        var tasks: [any LoadTask] = []
        for (place, connection) in reading.enumerated() {
            tasks.append(
                try LoadConsumer(
                    connection, target.topic, readShares[place], .tail(schedule, run: run), got, fetchBytes: 1 << 20))
        }
        tasks += producers
        let end = schedule.due(schedule.end)
        let expected = schedule.end - schedule.first
        let loop = LoadLoop(tasks, interruption: watch.interruption)
        let ending = try loop.run(until: end + LoadRun.patience) { now in
            watch.tick(sent.recordsSoFar, sent.bytesSoFar, LoadRun.part(now, from: schedule.start, until: end))
            // The last of them came: who waits at the end of the topic is let go.
            if got.tally.records >= expected { got.isClosing = true }
            return !got.isClosing || !producers.allSatisfy(\.isDone)
        }
        if ending == .interrupted {
            sent.tally.wasInterrupted = true
        } else {
            if !producers.allSatisfy(\.isDone) { for producer in producers { producer.giveUp(LoadClock.now) } }
            got.tally.unanswered = max(0, expected - got.tally.records)
        }
        (sent.tally.allRecords, sent.tally.allBytes) = (sent.recordsSoFar, sent.bytesSoFar)
        (got.tally.allRecords, got.tally.allBytes) = (got.recordsSoFar, got.bytesSoFar)
        return Result(acknowledged: sent.tally, endToEnd: got.tally)
    }
}
