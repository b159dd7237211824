internal import KafkaProtocol
internal import NIOCore
internal import RecordFormat

/// A consumer: a connection to the leader of its partitions, one fetch after the other.
final class LoadConsumer: LoadTask {
    enum Reading {
        /// From the first record to the last that was there, by the headers of batches: over and over until it is closed, or
        /// once.
        case replay(isEndless: Bool)
        /// What comes from now on, each record decoded: those that the run has sent are timed.
        case tail(Schedule, run: UInt64)
    }

    /// What consumers of a thread have in common.
    final class Shared {
        var tally: LoadTally
        let window: LoadWindow?
        var isClosing = false
        var (recordsSoFar, bytesSoFar) = (0, 0)
        /// Whole replays of a partition.
        var replays = 0

        /// - Parameter window: nil: each record's own time decides whether it is measured.
        init(start: Int64, _ window: LoadWindow?) {
            tally = LoadTally(start: start)
            self.window = window
        }

        /// Where the number of records decides, all have come.
        var isSatisfied: Bool { window?.records.map { tally.records >= $0 } ?? false }
    }

    let connection: LoadConnection
    private let topic: String
    private let reading: Reading
    private let shared: Shared
    private let fetchBytes: Int32
    private let version: Int16
    private var places: [Place]
    private var sentAt: Int64?
    private var scratch = DecompressionBuffer()

    private struct Place {
        var partition: LoadTarget.Partition
        var next: Int64
    }

    private static let waitMilliseconds: Int32 = 500

    init(
        _ connection: LoadConnection, _ topic: String, _ partitions: [LoadTarget.Partition], _ reading: Reading,
        _ shared: Shared, fetchBytes: Int
    ) throws(LoadError) {
        self.connection = connection
        self.topic = topic
        self.reading = reading
        self.shared = shared
        self.fetchBytes = Int32(clamping: fetchBytes)
        version = try connection.version(of: FetchRequest.self, in: 4...12)
        let isTail = if case .tail = reading { true } else { false }
        places = partitions.map { Place(partition: $0, next: isTail ? $0.end : $0.start) }
    }

    private var isAtEnd: Bool {
        if shared.isClosing || shared.isSatisfied { return true }
        guard case .replay(isEndless: false) = reading else { return false }
        return places.allSatisfy { $0.next >= $0.partition.end }
    }

    /// An answer that is on its way is not waited for: it may be half a second until something comes.
    var isDone: Bool { isAtEnd }

    func advance(_ now: Int64) throws(LoadError) -> Int64 {
        if let window = shared.window, window.records == nil, now >= window.until { shared.isClosing = true }
        guard sentAt == nil, !isAtEnd else { return .max }
        if case .replay(isEndless: true) = reading, places.allSatisfy({ $0.next >= $0.partition.end }) {
            for index in places.indices { places[index].next = places[index].partition.start }
            shared.replays += places.count
        }
        var request = FetchRequest()
        request.maxWaitMs = Self.waitMilliseconds
        request.minBytes = 1
        request.maxBytes = 64 << 20
        let isTail = if case .tail = reading { true } else { false }
        var data = FetchRequest.Topic()
        data.topic = topic
        data.partitions = places.filter { isTail || $0.next < $0.partition.end }.map { place in
            FetchRequest.Partition {
                $0.partition = place.partition.index
                $0.fetchOffset = place.next
                $0.partitionMaxBytes = fetchBytes
            }
        }
        request.topics = [data]
        sentAt = now
        try connection.send(request, version: version)
        return .max
    }

    func take(_ answer: ByteBuffer, version: Int16, now: Int64) throws(LoadError) {
        let response = try LoadConnection.read(FetchResponse.self, answer, version: version)
        guard response.errorCode == .none else {
            throw .rejected(api: "Fetch", of: topic, response.errorCode, message: nil)
        }
        var (records, bytes) = (0, 0)
        for partition in response.responses.flatMap(\.partitions) {
            guard partition.errorCode == .none else {
                throw .rejected(
                    api: "Fetch", of: "\(topic)-\(partition.partitionIndex)", partition.errorCode, message: nil)
            }
            guard case .buffer(let batches) = partition.records,
                let place = places.firstIndex(where: { $0.partition.index == partition.partitionIndex })
            else { continue }
            let taken = try take(batches, &places[place], now)
            records += taken.records
            bytes += taken.bytes
        }
        shared.recordsSoFar += records
        shared.bytesSoFar += bytes
        if let window = shared.window, let sent = sentAt, records > 0, now >= window.from, now < window.until {
            shared.tally.count(records: records, wireBytes: bytes, at: now)
            if sent >= window.from { shared.tally.latency.record(now - sent) }
        }
        sentAt = nil
    }

    /// Goes through the batches of an answer; the last one may be cut short.
    private func take(
        _ batches: ByteBuffer, _ place: inout Place, _ now: Int64
    ) throws(LoadError) -> (records: Int, bytes: Int) {
        var (records, position) = (0, 0)
        do throws(BatchError) {
            try batches.withUnsafeReadableBytes { (bytes) throws(BatchError) in
                while bytes.count - position >= RecordBatchLayout.headerSize {
                    let rest = RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: bytes[position...]))
                    let header = try RecordBatchHeader(parsing: rest)
                    guard header.sizeInBytes <= rest.byteCount else { break }
                    // A batch comes as a whole, though it may begin before what was asked for.
                    let (known, _) = place.next.subtractingReportingOverflow(header.baseOffset.value)
                    records += max(0, Int(header.recordCount) - Int(clamping: max(0, known)))
                    if case .tail(let schedule, let run) = reading { try time(rest, schedule, run, now) }
                    place.next = max(place.next, header.lastOffset.value &+ 1)
                    position += header.sizeInBytes
                }
            }
        } catch {
            throw .invalidAnswer(api: "Fetch", reason: "\(error)")
        }
        return (records, position)
    }

    /// Records the way of each record that the run has sent.
    private func time(_ bytes: RawSpan, _ schedule: Schedule, _ run: UInt64, _ now: Int64) throws(BatchError) {
        let batch = try RecordBatchView(validating: bytes)
        var (records, payload) = (0, 0)
        try Self.scan(batch, &scratch) { record in
            guard let key = record.key, let mark = RecordMark(key), mark.run == run, schedule.isMeasured(mark.number)
            else { return }
            shared.tally.latency.record(now - schedule.due(mark.number))
            records += 1
            payload += record.value?.byteCount ?? 0
        }
        if records > 0 {
            shared.tally.count(records: records, payloadBytes: payload, wireBytes: batch.header.sizeInBytes, at: now)
        }
    }

    private static func scan(
        _ batch: RecordBatchView, _ scratch: inout DecompressionBuffer, _ body: (borrowing RecordView) -> Void
    ) throws(BatchError) {
        var cursor = try RecordCursor(batch, into: &scratch)
        try cursor.scan { record in
            body(record)
            return true
        }
    }
}
