internal import RecordFormat

/// Which records of a partition stay when it is compacted, by what its dirty part says. One for a pass; batches come in
/// order of their offsets.
struct RecordSelection: ~Copyable {
    let dirty: DirtyPart
    let logStart: Offset
    let now: Timestamp
    /// What tombstones get that are met for the first time.
    let horizon: Timestamp
    let expiry: RecordExpiry?
    /// The last offsets of the producers that are remembered, each the end of a batch.
    private let producerEnds: Set<Offset>
    /// A batch that stays whole lies before: a key's older record may be in it, and needs the tombstone.
    private var hasOpaque = false
    /// When the first of what stays is due to go.
    private(set) var nextHorizon = Timestamp.none

    init(
        _ dirty: consuming DirtyPart, of partition: Partition, _ settings: TopicSettings, at now: Timestamp
    ) {
        self.dirty = dirty
        self.now = now
        logStart = partition.logStart
        horizon = now.advanced(by: settings.deleteRetentionMilliseconds)
        expiry = RecordExpiry(settings)
        producerEnds = partition.producerEnds
    }

    /// What becomes of a batch.
    enum Treatment {
        case drop
        /// It says nothing, but is not worth writing a segment anew for.
        case dropIfRewritten
        case keep
        /// Its records are looked at one by one.
        case open
    }

    mutating func treatment(of header: RecordBatchHeader) -> Treatment {
        if header.recordCount == 0 { return isProducersLast(header) ? .keep : .dropIfRewritten }
        if header.lastOffset < logStart { return .dropIfRewritten }
        if header.attributes.isControl || header.baseOffset >= dirty.end { return .keep }
        guard header.isDecodable else { return treatmentOfOpaque(header) }
        if header.baseOffset >= dirty.start, header.lastOffset < dirty.end,
            !dirty.live.containsAny(from: header.baseOffset, through: header.lastOffset)
        {
            return .drop
        }
        return .open
    }

    private mutating func treatmentOfOpaque(_ header: RecordBatchHeader) -> Treatment {
        if let expiry {
            let time = expiry.expiry(ofUndecoded: header)
            if time <= now { return .drop }
            note(time)
        }
        hasOpaque = true
        return .keep
    }

    /// A batch that cannot be decoded stays whole.
    mutating func keepUnreadable() { hasOpaque = true }

    /// Whether an empty batch is to say where a producer's numbers go on.
    func isProducersLast(_ header: RecordBatchHeader) -> Bool {
        header.isNumbered && producerEnds.contains(header.lastOffset)
    }

    /// Takes out of a batch what does not stay.
    mutating func filter(
        _ batch: RecordBatchView, by filter: inout RecordBatchFilter
    ) throws(BatchError) -> RecordBatchFilter.Outcome {
        // Not where the batch goes on past what is known: the next pass meets those records first.
        let (end, start, logStart, now) = (dirty.end, dirty.start, logStart, now)
        let newHorizon = batch.header.lastOffset < end ? horizon : nil
        let ownHorizon = batch.header.deleteHorizon
        #if PLANTED_BUGS
        let dropsTombstones =
            PlantedBug.tombstonesDroppedEarly.isPlanted || (ownHorizon.map { $0 <= now && !hasOpaque } ?? false)
        #else
        let dropsTombstones = ownHorizon.map { $0 <= now && !hasOpaque } ?? false
        #endif
        // What is due already but must stay, for another batch's sake, asks for no pass of its own.
        let tombstonesGo = ownHorizon.map { $0 > now ? $0 : nil } ?? newHorizon
        let isExact = dirty.live.isExact
        var next = Int64.max
        let outcome = try filter.filter(batch, horizon: newHorizon) { record in
            let offset = record.offset
            if offset >= end { return true }
            if offset < logStart { return false }
            if offset >= start, isExact {
                if !dirty.live.contains(offset) { return false }
            } else if let key = record.key,
                let last = key.withUnsafeBytes({ dirty.map.offset(of: $0) }), last > offset
            {
                return false
            }
            if record.isTombstone {
                if dropsTombstones { return false }
                if let tombstonesGo { next = min(next, tombstonesGo.milliseconds) }
            }
            if let expiry {
                let time = expiry.expiry(of: record)
                if time <= now { return false }
                next = min(next, time.milliseconds)
            }
            return true
        }
        note(Timestamp(milliseconds: next))
        return outcome
    }

    private mutating func note(_ time: Timestamp) {
        guard time.milliseconds < .max else { return }
        if nextHorizon == .none || time < nextHorizon { nextHorizon = time }
    }
}

extension Partition {
    /// Where the last batch of each producer ends that is remembered, as far as it is durable.
    var producerEnds: Set<Offset> {
        let (table, end) = (producers, end)
        return Set(table.truncated(to: end).producers.values.compactMap { $0.batches.last?.lastOffset })
    }
}
