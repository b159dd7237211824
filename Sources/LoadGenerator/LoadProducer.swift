internal import KafkaProtocol
internal import NIOCore
package import RecordFormat

/// How records are sent.
package struct ProducerSettings: Sendable {
    /// 0: no answer; 1: written; −1: durable (`acks=all`).
    package var acks: Int16 = -1
    package var compression = Compression.none
    /// Of a batch before compression.
    package var batchBytes = 256 << 10
    /// Nanoseconds that a record waits for others where there is a rate.
    package var linger: Int64 = 5_000_000
    /// Requests of a connection that wait for their answers.
    package var inFlight = 5

    package init() {}
}

/// A producer: a connection to the leader of its partitions, which get batches in turn.
final class LoadProducer: LoadTask {
    /// What its records are.
    enum Source {
        /// Made in advance, each sent as soon as there is room for it. The encoder makes the last one, which may be smaller.
        case pool([BatchEncoder.Batch], BatchEncoder, LoadWindow)
        /// Due by a schedule, and encoded when they are.
        case schedule(ScheduleShare, BatchEncoder, run: UInt64?)
    }

    /// What producers of a thread have in common.
    final class Shared {
        var tally: LoadTally
        /// How many records of the measured part may still be sent, where their number decides.
        var recordsLeft: Int
        /// Nothing is sent from then on.
        var isClosing = false
        /// Of all, the warm-up included.
        var (recordsSoFar, bytesSoFar) = (0, 0)

        init(start: Int64, records: Int?) {
            tally = LoadTally(start: start)
            recordsLeft = records ?? .max
        }
    }

    let connection: LoadConnection
    private let topic: String
    private let partitions: [Int32]
    private let settings: ProducerSettings
    private let shared: Shared
    private let version: Int16
    private var source: Source
    private var nextPartition: Int
    private var nextBatch: Int
    private var inFlight = CircularBuffer<Flight>()

    private struct Flight {
        var sentAt: Int64
        /// Of the share; empty where there is no schedule.
        var numbers: Range<Int>
        var records: Int
        var payloadBytes: Int
        var wireBytes: Int
        /// Where the number of records decides: it was sent after the warm-up.
        var isMeasured: Bool
    }

    init(
        _ connection: LoadConnection, _ topic: String, _ partitions: [LoadTarget.Partition],
        _ settings: ProducerSettings, _ shared: Shared, _ source: Source, place: Int
    ) throws(LoadError) {
        self.connection = connection
        self.topic = topic
        self.partitions = partitions.map(\.index)
        self.settings = settings
        self.shared = shared
        self.source = source
        nextPartition = place
        nextBatch = place
        version = try connection.version(of: ProduceRequest.self, in: 3...12)
    }

    private var isAtEnd: Bool {
        switch source {
        case .pool: shared.isClosing || shared.recordsLeft <= 0
        case .schedule(let share, _, _): shared.isClosing || share.isAtEnd
        }
    }

    var isDone: Bool { isAtEnd && inFlight.isEmpty && connection.isFlushed }

    func advance(_ now: Int64) throws(LoadError) -> Int64 {
        // Without answers, what the system has taken is done.
        if settings.acks == 0, connection.isFlushed { while !inFlight.isEmpty { land(now) } }
        var sends = 0
        while inFlight.count < settings.inFlight, !isAtEnd {
            if let wake = try sendNext(now) { return wake }
            sends += 1
            // Without answers there is always room: others want their turn, too.
            if settings.acks == 0, sends == settings.inFlight { return now + 1 }
        }
        return .max
    }

    /// Sends a batch; or says when there will be one.
    private func sendNext(_ now: Int64) throws(LoadError) -> Int64? {
        switch source {
        case .pool(let batches, let encoder, let window):
            if window.records == nil, now >= window.until {
                shared.isClosing = true
                return .max
            }
            var batch = batches[nextBatch % batches.count]
            nextBatch += 1
            let isMeasured = now >= window.from
            if isMeasured, window.records != nil {
                if batch.records > shared.recordsLeft {
                    batch = try encoder.next(countMax: shared.recordsLeft, timestamp: LoadClock.milliseconds)
                }
                shared.recordsLeft -= batch.records
            }
            try send(batch, 0..<0, isMeasured, now)
        case .schedule(var share, let encoder, let run):
            let full = encoder.fullCount
            let waiting = share.waiting(at: now)
            let isLast = share.sent + waiting >= share.total
            guard waiting >= full || (waiting > 0 && (isLast || now >= share.due(share.sent) + settings.linger)) else {
                let isFull = share.due(min(share.sent + full, share.total) - 1)
                return min(isFull, share.due(share.sent) + settings.linger)
            }
            let first = share.sent
            let batch = try encoder.next(
                countMax: waiting, timestamp: LoadClock.milliseconds,
                mark: run.map { run in { RecordMark(run: run, number: share.number(first + $0)) } })
            let numbers = share.take(batch.records)
            source = .schedule(share, encoder, run: run)
            try send(batch, numbers, true, now)
        }
        return nil
    }

    private func send(
        _ batch: BatchEncoder.Batch, _ numbers: Range<Int>, _ isMeasured: Bool, _ now: Int64
    ) throws(LoadError) {
        var request = ProduceRequest()
        request.acks = settings.acks
        request.timeoutMs = 30_000
        var partition = ProduceRequest.PartitionData()
        partition.index = partitions[nextPartition % partitions.count]
        partition.records = batch.bytes
        var data = ProduceRequest.TopicData()
        data.name = topic
        data.partitionData = [partition]
        request.topicData = [data]
        nextPartition += 1
        inFlight.append(
            Flight(
                sentAt: now, numbers: numbers, records: batch.records, payloadBytes: batch.payloadBytes,
                wireBytes: batch.bytes.readableBytes, isMeasured: isMeasured))
        try connection.send(request, version: version, isAnswered: settings.acks != 0)
        if settings.acks == 0, connection.isFlushed { land(LoadClock.now) }
    }

    func take(_ answer: ByteBuffer, version: Int16, now: Int64) throws(LoadError) {
        let response = try LoadConnection.read(ProduceResponse.self, answer, version: version)
        guard let partition = response.responses.first?.partitionResponses.first else {
            throw .invalidAnswer(api: "Produce", reason: "it names no partition")
        }
        guard partition.errorCode == .none else {
            throw .rejected(
                api: "Produce", of: "\(topic)-\(partition.index)", partition.errorCode, message: partition.errorMessage)
        }
        land(now)
    }

    /// The oldest request has been answered.
    private func land(_ now: Int64) {
        guard let flight = inFlight.popFirst() else { return }
        shared.recordsSoFar += flight.records
        shared.bytesSoFar += flight.payloadBytes
        switch source {
        case .pool(_, _, let window):
            let counts = window.records == nil ? now >= window.from && now < window.until : flight.isMeasured
            guard counts else { return }
            shared.tally.count(
                records: flight.records, payloadBytes: flight.payloadBytes, wireBytes: flight.wireBytes, at: now)
            if flight.sentAt >= window.from {
                shared.tally.latency.record(now - flight.sentAt, count: flight.records)
            }
        case .schedule(let share, _, _):
            let measured = recordLatencies(of: flight.numbers, share, until: now)
            guard measured > 0 else { return }
            // Of a batch at the edge of the warm-up, the part that is measured.
            func part(_ bytes: Int) -> Int { bytes * measured / flight.records }
            shared.tally.count(
                records: measured, payloadBytes: part(flight.payloadBytes), wireBytes: part(flight.wireBytes), at: now)
        }
    }

    /// - Returns: how many of the records are measured.
    private func recordLatencies(of numbers: Range<Int>, _ share: ScheduleShare, until now: Int64) -> Int {
        var measured = 0
        for index in numbers where share.schedule.isMeasured(share.number(index)) {
            shared.tally.latency.record(now - share.due(index))
            measured += 1
        }
        return measured
    }

    /// The load is given up: what was due and has no answer counts as if it had come now.
    func giveUp(_ now: Int64) {
        guard case .schedule(let share, _, _) = source else {
            shared.tally.unanswered += inFlight.reduce(0) { $0 + ($1.isMeasured ? $1.records : 0) }
            return
        }
        var numbers = inFlight.map(\.numbers)
        let waiting = share.waiting(at: now)
        if waiting > 0 { numbers.append(share.sent..<(share.sent + waiting)) }
        for range in numbers { shared.tally.unanswered += recordLatencies(of: range, share, until: now) }
    }
}
