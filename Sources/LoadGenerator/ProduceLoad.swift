/// Producers that send as fast as they can, or at a rate.
package struct ProduceLoad: Sendable {
    package var target: LoadTarget
    package var payloads: Payloads
    package var settings = ProducerSettings()
    package var connections = 1
    /// Records per second of all together; nil: as fast as it goes.
    package var rate: Double?
    package var amount: LoadAmount

    package init(_ target: LoadTarget, _ payloads: Payloads, _ amount: LoadAmount) {
        self.target = target
        self.payloads = payloads
        self.amount = amount
    }

    /// Runs it on the calling thread.
    package func run(_ watch: LoadWatch = LoadWatch()) throws(LoadError) -> LoadTally {
        let shares = try target.share(among: connections)
        let encoder = BatchEncoder(payloads, settings.compression, bytesMax: settings.batchBytes)
        if let rate {
            let opened = try LoadRun.connect(shares)
            return try run(opened, shares, encoder, rate: rate, watch)
        }
        let pool = try encoder.pool(bytesMax: LoadRun.poolBytesMax, countMax: LoadRun.poolBatchesMax)
        let opened = try LoadRun.connect(shares)
        return try run(opened, shares, encoder, pool: pool, watch)
    }

    private func run(
        _ opened: [LoadConnection], _ shares: [[LoadTarget.Partition]], _ encoder: BatchEncoder, rate: Double,
        _ watch: LoadWatch
    ) throws(LoadError) -> LoadTally {
        let schedule = Schedule(start: LoadClock.now + LoadRun.lead, rate: rate, amount)
        let shared = LoadProducer.Shared(start: schedule.measuredFrom, records: nil)
        var producers: [LoadProducer] = []
        for (place, connection) in opened.enumerated() {
            let share = ScheduleShare(of: schedule, place: place, of: opened.count)
            producers.append(
                try LoadProducer(
                    connection, target.topic, shares[place], settings, shared, .schedule(share, encoder, run: nil),
                    place: place))
        }
        let end = schedule.due(schedule.end)
        try drive(producers, shared, until: end + LoadRun.patience, watch) {
            LoadRun.part($0, from: schedule.start, until: end)
        }
        return shared.tally
    }

    private func run(
        _ opened: [LoadConnection], _ shares: [[LoadTarget.Partition]], _ encoder: BatchEncoder,
        pool: [BatchEncoder.Batch], _ watch: LoadWatch
    ) throws(LoadError) -> LoadTally {
        let start = LoadClock.now
        let window = LoadWindow(amount, start: start)
        let shared = LoadProducer.Shared(start: window.from, records: window.records)
        var producers: [LoadProducer] = []
        for (place, connection) in opened.enumerated() {
            producers.append(
                try LoadProducer(
                    connection, target.topic, shares[place], settings, shared, .pool(pool, encoder, window),
                    place: place))
        }
        let deadline = window.until == .max ? .max : window.until + LoadRun.patience
        try drive(producers, shared, until: deadline, watch) { now in
            window.records.map { 1 - Double(shared.recordsLeft) / Double(max(1, $0)) }
                ?? LoadRun.part(now, from: start, until: window.until)
        }
        if window.records == nil, !shared.tally.wasInterrupted { shared.tally.end(at: window.until) }
        return shared.tally
    }

    private func drive(
        _ producers: [LoadProducer], _ shared: LoadProducer.Shared, until deadline: Int64, _ watch: LoadWatch,
        part: (Int64) -> Double?
    ) throws(LoadError) {
        let loop = LoadLoop(producers, interruption: watch.interruption)
        let ending = try loop.run(until: deadline) { now in
            watch.tick(shared.recordsSoFar, shared.bytesSoFar, part(now))
            return true
        }
        if ending == .interrupted { shared.tally.wasInterrupted = true }
        if ending == .deadline { for producer in producers { producer.giveUp(LoadClock.now) } }
        (shared.tally.allRecords, shared.tally.allBytes) = (shared.recordsSoFar, shared.bytesSoFar)
    }
}

extension Schedule {
    /// So much of it as is to be measured.
    package init(start: Int64, rate: Double, _ amount: LoadAmount) {
        let records: Int =
            switch amount.extent {
            case .records(let count): count
            case .seconds(let seconds): max(1, Int((seconds * rate).rounded()))
            }
        self.init(start: start, rate: rate, warmup: amount.warmup, records: records)
    }
}
