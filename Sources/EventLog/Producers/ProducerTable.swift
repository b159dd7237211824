/// What a partition knows of its idempotent producers: the last five batches of each, so that a batch sent twice is
/// stored once and a batch out of order is refused. Kafka's rules (its `ProducerStateManager`).
struct ProducerTable: Sendable {
    /// How many batches a producer may have in flight: clients may not have more than that.
    static let batchesRemembered = 5
    /// Beyond this the producers that were silent longest are forgotten.
    static let producersMax = 100_000

    private(set) var producers: [Int64: Producer] = [:]

    struct Producer: Sendable, Equatable {
        var epoch: Int16
        /// Oldest first; at most `batchesRemembered`.
        var batches: [Batch] = []
        /// The last offset of the batch that was forgotten last.
        var lastForgotten: Offset = -1
        /// Where its batches were all taken back: the sequence number of the first.
        var firstTakenBack: Int32?

        /// By what checkpoints hold.
        static func == (a: Self, b: Self) -> Bool { a.epoch == b.epoch && a.batches == b.batches }

        /// The sequence number that is due; nil: any is.
        var nextSequence: Int32? {
            guard let last = batches.last else { return firstTakenBack }
            return last.lastSequence == Int32.max ? 0 : last.lastSequence + 1
        }
    }

    struct Batch: Sendable, Equatable {
        var firstSequence: Int32
        var lastSequence: Int32
        var baseOffset: Offset
        var lastOffset: Offset
        /// The batch's largest timestamp: producers are forgotten by it.
        var timestamp: Timestamp
        /// The round that makes it durable; 0 for what recovery brought back.
        var round: UInt64
    }

    enum Verdict: Equatable {
        case append
        case duplicate(Batch)
        case reject(LogError)
    }

    /// What to do with a batch whose header says that a producer numbered it.
    func verdict(on header: RecordBatchHeader) -> Verdict {
        guard let producer = producers[header.producerID] else {
            // Unknown: new here, or forgotten since. Kafka takes whatever number such a producer goes on with.
            return .append
        }
        if header.producerEpoch < producer.epoch {
            return .reject(
                .producerFenced(
                    producer: header.producerID, epoch: header.producerEpoch, current: producer.epoch))
        }
        if header.producerEpoch > producer.epoch {
            return header.baseSequence == 0 ? .append : outOfOrder(header, expected: 0)
        }
        if let duplicate = producer.batches.first(where: {
            $0.firstSequence == header.baseSequence && $0.lastSequence == header.lastSequence
        }) {
            return .duplicate(duplicate)
        }
        guard let expected = producer.nextSequence else { return .append }
        return header.baseSequence == expected ? .append : outOfOrder(header, expected: expected)
    }

    /// What there is to say of each producer, in order of ids.
    var states: [ProducerState] {
        producers.compactMap { id, producer in producer.batches.last.map { ProducerState(id, producer.epoch, $0) } }
            .sorted { $0.id < $1.id }
    }

    private func outOfOrder(_ header: RecordBatchHeader, expected: Int32) -> Verdict {
        .reject(
            .outOfOrderSequence(producer: header.producerID, expected: expected, received: header.baseSequence))
    }

    /// Takes note of a batch that was given its offsets.
    mutating func add(_ header: RecordBatchHeader, baseOffset: Offset, lastOffset: Offset, round: UInt64) {
        var producer = producers[header.producerID] ?? Producer(epoch: header.producerEpoch)
        if producer.epoch != header.producerEpoch { producer = Producer(epoch: header.producerEpoch) }
        if producer.batches.count == Self.batchesRemembered {
            producer.lastForgotten = producer.batches.removeFirst().lastOffset
        }
        producer.firstTakenBack = nil
        producer.batches.append(
            Batch(
                firstSequence: header.baseSequence, lastSequence: header.lastSequence,
                baseOffset: baseOffset, lastOffset: lastOffset, timestamp: header.maxTimestamp, round: round))
        producers[header.producerID] = producer
        if producers.count > Self.producersMax { forgetOldest() }
    }

    private mutating func forgetOldest() {
        let byAge = producers.sorted {
            ($0.value.batches.last?.lastOffset ?? -1) < ($1.value.batches.last?.lastOffset ?? -1)
        }
        for (id, _) in byAge.prefix(Self.producersMax / 10) { producers[id] = nil }
    }

    /// Takes back the batches from `end` on, which were refused after all: they are due again.
    mutating func rollBack(to end: Offset) {
        for (id, producer) in producers {
            guard let last = producer.batches.last, last.lastOffset >= end else { continue }
            var kept = producer
            kept.batches.removeAll { $0.lastOffset >= end }
            if kept.batches.isEmpty { kept.firstTakenBack = producer.batches.first?.firstSequence }
            // It had more in flight than are remembered: nobody knows what it will send first.
            let isKnown = !kept.batches.isEmpty || producer.lastForgotten < end
            producers[id] = isKnown ? kept : nil
        }
    }

    /// What is true of the log up to `end`: batches past it may never become durable.
    func truncated(to end: Offset) -> ProducerTable {
        var table = self
        for (id, producer) in producers {
            let kept = producer.batches.filter { $0.lastOffset < end }
            if kept.isEmpty {
                table.producers[id] = nil
            } else if kept.count < producer.batches.count {
                table.producers[id]?.batches = kept
            }
        }
        return table
    }
}

extension RecordBatchHeader {
    /// True for a batch of an idempotent producer.
    var isNumbered: Bool { producerID >= 0 && baseSequence >= 0 }

    /// The sequence number of the last record; they wrap around after `Int32.max`.
    var lastSequence: Int32 {
        let last = Int64(baseSequence) + Int64(lastOffsetDelta)
        return Int32(truncatingIfNeeded: last & Int64(Int32.max))
    }
}

extension ProducerTable {
    func encode(into writer: inout FieldWriter) {
        for (id, producer) in producers.sorted(by: { $0.key < $1.key }) {
            writer.add(id)
            writer.add(producer.epoch)
            writer.add(UInt8(producer.batches.count))
            for batch in producer.batches {
                writer.add(batch.firstSequence)
                writer.add(batch.lastSequence)
                writer.add(batch.baseOffset.value)
                writer.add(batch.lastOffset.value)
                writer.add(batch.timestamp.milliseconds)
            }
        }
    }

    init(from reader: inout FieldReader, count: UInt32) throws(FieldReader.EndedEarly) {
        for _ in 0..<count {
            let id: Int64 = try reader.next()
            var producer = Producer(epoch: try reader.next())
            for _ in 0..<(try reader.next(UInt8.self)) {
                producer.batches.append(
                    Batch(
                        firstSequence: try reader.next(), lastSequence: try reader.next(),
                        baseOffset: Offset(try reader.next()), lastOffset: Offset(try reader.next()),
                        timestamp: Timestamp(milliseconds: try reader.next()), round: 0))
            }
            producers[id] = producer
        }
    }
}
