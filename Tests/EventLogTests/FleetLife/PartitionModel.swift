@testable import EventLog

/// What must be true of a partition, from the records that were sent to it and the settings alone. Between what must be
/// gone and what must be there lies what may be either way: what a pass that failed half-way may have done.
struct PartitionModel {
    struct Violation: Error, CustomStringConvertible {
        let description: String
    }

    /// A record as it was sent.
    struct Sent {
        let record: SeenRecord
        /// The first offset of its batch.
        let batch: Int64
        /// A number for the key; -1: it has none.
        let key: Int
        var isTombstone: Bool { record.value == nil && key >= 0 }
    }

    /// What the last look found of a record.
    enum Fate {
        /// Readers get it.
        case shown
        /// They do not, since its batch has expired, or a pass has failed: it may be on the disk or not.
        case hidden
        /// It is gone, and must never come back.
        case gone
    }

    /// When a tombstone goes: by the first pass that compacts it, whichever that was.
    private struct Horizon {
        var earliest: Int64
        var latest: Int64
        /// It has been compacted for sure.
        var isSet = false
    }

    /// By offset: what was acknowledged, or seen by a reader.
    private(set) var sent: [Sent] = []
    private(set) var fates: [Fate] = []
    private var keys: [String: Int] = [:]
    /// Sent without an answer: it may be there or not. The partition takes no more in this life.
    var open: [Sent]?
    /// The log starts between these two: there, if no deletion failed.
    private(set) var start: Int64 = 0
    private(set) var startMax: Int64 = 0
    /// Records before this may have been compacted.
    private(set) var reachMax: Int64 = 0
    /// Records before this have been compacted for sure.
    private(set) var reachMin: Int64 = 0
    /// Of the tombstones that may have been compacted.
    private var horizons: [Int64: Horizon] = [:]
    /// Tombstones past their time, and what has expired, that a pass may have dropped; and that one has dropped for sure.
    private var droppable: Set<Int64> = []
    private var dropped: Set<Int64> = []
    /// The times to live have changed since they were compacted by.
    private var hasOtherTTL = false
    /// What a power cut cannot cost, and whether there has been one since the last look.
    private var durable: Int64 = 0
    private var lostPower = false

    var end: Int64 { Int64(sent.count) }

    // MARK: What happens

    /// A batch at the end, not acknowledged yet. `now`: where the log's clock counts.
    mutating func send(_ records: [Record], appendTime: Int64?) {
        var batch: [Sent] = []
        for record in records {
            let seen = SeenRecord(record, at: end + Int64(batch.count), time: appendTime)
            batch.append(Sent(record: seen, batch: end, key: seen.key.map { number(of: $0) } ?? -1))
        }
        open = batch
    }

    private mutating func number(of key: String) -> Int {
        if let known = keys[key] { return known }
        keys[key] = keys.count
        return keys.count - 1
    }

    mutating func acknowledge(_ settings: TopicSettings) {
        guard let open else { return }
        add(open)
        self.open = nil
        let lost = settings.isJournaled ? 0 : settings.flushMessages - 1
        durable = max(durable, end - lost)
    }

    private mutating func add(_ records: [Sent]) {
        sent += records
        fates += records.map { _ in .shown }
    }

    /// All that there is can no longer be lost.
    mutating func settleDurable() { if open == nil { durable = end } }

    mutating func powerWasCut() { lostPower = true }

    /// Records may be deleted up to here from now on.
    mutating func mayDelete(before offset: Int64) { startMax = max(startMax, offset) }

    mutating func settingsChanged(from old: TopicSettings, to new: TopicSettings) {
        if old.recordTTLMilliseconds != new.recordTTLMilliseconds || old.readsTTLHeaders != new.readsTTLHeaders {
            hasOtherTTL = true
        }
    }

    /// A compaction begins: what it may do.
    mutating func mayCompact(_ settings: TopicSettings, now: Int64) {
        guard settings.isCompacted else { return }
        let bound = offsets.first { fates[$0] != .gone && settings.holdsBack(sent[$0].record, now: now) } ?? sent.count
        reachMax = max(reachMax, Int64(bound))
        for i in offsets.prefix(while: { $0 < reachMax }) {
            let offset = Int64(i)
            if sent[i].isTombstone { noteHorizon(of: offset, now.plus(settings.deleteRetentionMilliseconds)) }
            if let horizon = horizons[offset], horizon.earliest <= now { droppable.insert(offset) }
            if let expiry = settings.expiry(of: sent[i].record), expiry <= now { droppable.insert(offset) }
        }
    }

    private mutating func noteHorizon(of offset: Int64, _ time: Int64) {
        guard let known = horizons[offset] else { return horizons[offset] = Horizon(earliest: time, latest: time) }
        guard !known.isSet else { return }
        horizons[offset] = Horizon(earliest: min(known.earliest, time), latest: max(known.latest, time))
    }

    /// A compaction has ended without a failure: what it must have done. `segments`: as they were when it began.
    mutating func hasCompacted(_ settings: TopicSettings, _ segments: [SegmentOnDisk], now: Int64) {
        guard settings.isCompacted else { return }
        let reach = self.reach(settings, segments, now: now)
        let isDue = reach > reachMin && isDue(settings, upTo: reach, now: now)
        if isDue { reachMin = reach }
        if isDue { hasOtherTTL = false }
        for i in offsets.prefix(while: { $0 < reachMin }) {
            let offset = Int64(i)
            if let expiry = settings.expiry(of: sent[i].record), expiry <= now, !hasOtherTTL { dropped.insert(offset) }
            if let horizon = horizons[offset], horizon.isSet, horizon.latest < now { dropped.insert(offset) }
            horizons[offset]?.isSet = true
        }
    }

    /// Everything is old enough, and no segment is written to: a pass must have compacted all of it.
    mutating func hasCompactedAll() { reachMin = end }

    /// How far a pass must get: to the first segment that is written to, or has a record that is too young.
    private func reach(_ settings: TopicSettings, _ segments: [SegmentOnDisk], now: Int64) -> Int64 {
        for (segment, next) in zip(segments, segments.dropFirst()) {
            let isYoung = offsets(from: segment.base, to: next.base).contains {
                fates[$0] != .gone && settings.holdsBack(sent[$0].record, now: now)
            }
            if isYoung { return segment.base }
        }
        return segments.last?.base ?? 0
    }

    private func isDue(_ settings: TopicSettings, upTo reach: Int64, now: Int64) -> Bool {
        if settings.dirtyRatioMin == 0 { return true }
        guard let delay = settings.compactionDelayMilliseconds else { return false }
        // By whichever of them: clocks are off, and the log takes about the first for the oldest.
        let dirty = offsets(from: reachMin, to: reach).filter { fates[$0] != .gone && sent[$0].record.time >= 0 }
        return dirty.contains { fates[$0] == .shown }
            && dirty.allSatisfy { sent[$0].record.time < now.minus(delay) }
    }

    private var offsets: Range<Int> { offsets(from: start, to: end) }

    func offsets(from first: Int64, to last: Int64) -> Range<Int> {
        let first = min(max(first, start), end)
        return Int(first)..<Int(min(max(first, last), end))
    }

    // MARK: What a look finds

    /// Compares what is seen with what must be. `isFresh`: in a life that has just begun. `isSettled`: what is gone now stays
    /// gone; after a pass that failed it may be back in the next life.
    mutating func check(
        _ view: FleetView, _ settings: TopicSettings, now: Int64, isFresh: Bool, isSettled: Bool = true
    ) throws {
        try takeOpen(view, settings, isFresh: isFresh)
        guard view.start >= start, view.start <= startMax else {
            throw Violation(description: "it starts at \(view.start), not at \(start) to \(startMax)")
        }
        takeStart(view.start, isFresh: isFresh)
        try checkMatch(view)
        try checkMissing(view, settings, now: now, isSettled: isSettled)
        try checkExpired(view, settings, now: now)
        try checkCompacted(view)
    }

    /// Takes over what became of the batch that was not answered.
    private mutating func takeOpen(_ view: FleetView, _ settings: TopicSettings, isFresh: Bool) throws {
        let needed = isFresh && lostPower ? durable : end
        let most = end + Int64(open?.count ?? 0)
        guard view.end >= needed, view.end <= most else {
            throw Violation(description: "it ends at \(view.end), not at \(needed) to \(most)")
        }
        if let open, view.end > end {
            guard view.end == most else { throw Violation(description: "it ends in the middle of a batch") }
            add(open)
            self.open = nil
        }
        if view.end < end { cut(at: view.end) }
        guard isFresh else { return }
        open = nil
        if lostPower || settings.isJournaled { durable = end }
        lostPower = false
    }

    private mutating func cut(at end: Int64) {
        sent.removeLast(sent.count - Int(end))
        fates.removeLast(fates.count - Int(end))
        reachMax = min(reachMax, end)
        reachMin = min(reachMin, end)
        startMax = min(startMax, end)
        horizons = horizons.filter { $0.key < end }
        droppable = droppable.filter { $0 < end }
        dropped = dropped.filter { $0 < end }
    }

    private mutating func takeStart(_ offset: Int64, isFresh: Bool) {
        for i in Int(start)..<Int(offset) { fates[i] = .gone }
        start = offset
        if isFresh { startMax = offset }
    }

    /// A deletion that was answered: there is nothing between the two starts any more.
    mutating func settleStart() { startMax = start }

    /// Everything that is seen is as it was sent, in order, and was not gone.
    private func checkMatch(_ view: FleetView) throws {
        var next = start
        for record in view.records {
            guard record.offset >= next, record.offset < end else {
                throw Violation(description: "offset \(record.offset) where \(next) or a later one was due")
            }
            next = record.offset + 1
            let i = Int(record.offset)
            guard record == sent[i].record else {
                throw Violation(description: "offset \(record.offset) holds \(record), not \(sent[i].record)")
            }
            guard fates[i] != .gone else {
                throw Violation(description: "offset \(record.offset) was gone and is there again")
            }
        }
    }

    /// What is not seen may be so: deleted, replaced, past its time, or expired with all of its batch.
    private mutating func checkMissing(
        _ view: FleetView, _ settings: TopicSettings, now: Int64, isSettled: Bool
    ) throws {
        let newest = newestOffsets(before: reachMax)
        var shownBatches: Set<Int64> = []
        var next = Int(start)
        var missing: [Int] = []
        for record in view.records {
            let i = Int(record.offset)
            missing += next..<i
            next = i + 1
            if fates[i] != .shown { fates[i] = .shown }
            shownBatches.insert(sent[i].batch)
        }
        missing += next..<sent.count
        for i in missing where fates[i] != .gone {
            let sent = sent[i]
            if let expiry = settings.expiry(of: sent.record), expiry <= now, !shownBatches.contains(sent.batch) {
                fates[i] = .hidden
                continue
            }
            let isReplaced = sent.key >= 0 && newest[sent.key] > i
            guard isReplaced || droppable.contains(Int64(i)) else {
                throw Violation(description: "\(sent.record) is lost")
            }
            fates[i] = isSettled ? .gone : .hidden
        }
    }

    /// A batch is shown as long as one of its records has not expired.
    private func checkExpired(_ view: FleetView, _ settings: TopicSettings, now: Int64) throws {
        guard settings.recordTTLMilliseconds != nil || settings.readsTTLHeaders else { return }
        var live: Set<Int64> = []
        for record in view.records where settings.expiry(of: record).map({ $0 > now }) ?? true {
            live.insert(sent[Int(record.offset)].batch)
        }
        // What was deleted of the first batch is in it still.
        if let first = view.records.first.map({ sent[Int($0.offset)].batch }),
            (first..<max(first, start)).contains(where: {
                settings.expiry(of: sent[Int($0)].record).map { $0 > now } ?? true
            })
        {
            live.insert(first)
        }
        if let record = view.records.first(where: { !live.contains(sent[Int($0.offset)].batch) }) {
            throw Violation(description: "all of the batch of \(record) has expired")
        }
    }

    /// Of what a pass has compacted each key is there once: with the newest of its records there, if that is still to be.
    private func checkCompacted(_ view: FleetView) throws {
        guard reachMin > start else { return }
        let newest = newestOffsets(before: reachMin)
        for record in view.records {
            guard record.offset < reachMin else { break }
            let key = sent[Int(record.offset)].key
            if key >= 0, newest[key] > record.offset {
                throw Violation(description: "\(record) is there, though compacted, and replaced by \(newest[key])")
            }
            if dropped.contains(record.offset) {
                throw Violation(description: "\(record) is there, though its time is over, and it was compacted")
            }
        }
    }

    /// By the key's number; -1: there is none.
    private func newestOffsets(before bound: Int64) -> [Int] {
        var newest = [Int](repeating: -1, count: keys.count)
        for i in offsets(from: start, to: bound) where sent[i].key >= 0 { newest[sent[i].key] = i }
        return newest
    }

    /// The records that are there, as the last look found them.
    var hasHidden: Bool { offsets.contains { fates[$0] == .hidden } }
    var shown: [SeenRecord] { offsets.filter { fates[$0] == .shown }.map { sent[$0].record } }
}

extension TopicSettings {
    /// From when on the record need not be there; nil: it does not expire.
    func expiry(of record: SeenRecord) -> Int64? {
        if readsTTLHeaders, let ttl = record.ttl.flatMap({ Int64($0) }), ttl >= 0 { return record.time.plus(ttl) }
        return recordTTLMilliseconds.map { record.time.plus($0) }
    }
}

extension TopicSettings {
    /// Whether a record is too young for its segment to be compacted.
    func holdsBack(_ record: SeenRecord, now: Int64) -> Bool {
        compactionLagMilliseconds > 0 && record.time > now.minus(compactionLagMilliseconds)
    }
}

extension SeenRecord {
    init(_ record: Record, at offset: Int64, time: Int64?) {
        self.offset = offset
        key = record.key.map { String(decoding: $0, as: UTF8.self) }
        value = record.value.map { String(decoding: $0, as: UTF8.self) }
        self.time = time ?? record.timestamp?.milliseconds ?? -1
        ttl = record.headers.first { $0.name == "martlet-ttl-ms" }?.value.map { String(decoding: $0, as: UTF8.self) }
    }
}

extension Int64 {
    /// Sums of times, with the largest for what is larger than any.
    func plus(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    func minus(_ other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? .min : difference
    }
}
