internal import Storage

/// One reader's view of what is expired: by one rule, at one moment.
struct ExpiryLook: ~Copyable {
    private let batches: ExpiredBatches
    private let rule: RecordExpiry
    private let now: Timestamp
    private var scratch = DecompressionBuffer()
    private var window = ReadWindow()

    /// nil: nothing is hidden in the partition.
    init?(_ partition: Partition) {
        guard let rule = partition.expired.rule else { return nil }
        batches = partition.expired
        self.rule = rule
        now = partition.environment.now()
    }

    /// Where to go on from `offset`, past what is known to be expired.
    func skip(_ offset: Offset) -> Offset { batches.end(from: offset, by: rule, at: now) }

    /// When the batch expires, if it is expired now; else nil. A batch that cannot be decoded is not: whoever reads it
    /// learns why.
    mutating func expiry(of batch: BatchLocation, in file: any StorageFile) throws(LogError) -> Timestamp? {
        if let decided = expiryWithoutDecoding(batch.header) { return decided <= now ? decided : nil }
        let bytes = try window.bytes(
            of: file, at: batch.position, batch.byteCount, end: batch.position + batch.byteCount)
        return decode(bytes, batch.header)
    }

    /// The same of a batch that is in memory.
    mutating func expiry(of bytes: UnsafeRawBufferPointer, _ header: RecordBatchHeader) -> Timestamp? {
        if let decided = expiryWithoutDecoding(header) { return decided <= now ? decided : nil }
        return decode(bytes, header)
    }

    /// nil: only its records tell.
    private func expiryWithoutDecoding(_ header: RecordBatchHeader) -> Timestamp? {
        // A batch of no records is passed on: it tells a client how far it has come.
        if header.attributes.isControl || header.recordCount <= 0 { return .never }
        guard rule.readsHeaders else { return rule.expiry(ofUndecoded: header) }
        switch header.compression {
        case .some(.none), .lz4: return batches.knownExpiry(of: header, by: rule)
        default: return rule.expiry(ofUndecoded: header)
        }
    }

    private mutating func decode(_ bytes: UnsafeRawBufferPointer, _ header: RecordBatchHeader) -> Timestamp? {
        var latest = Timestamp.none
        do {
            let rule = rule
            var cursor = try RecordCursor(try RecordBatchView(validating: bytes.bytes), into: &scratch)
            try cursor.scan { record in
                latest = max(latest, rule.expiry(of: record))
                return latest < .never
            }
        } catch {
            latest = .never
        }
        batches.note(header, expiry: latest, by: rule)
        return latest <= now ? latest : nil
    }

    /// What a look at a batch costs, in bytes of log: those that have to be read for it.
    func cost(of batch: BatchLocation) -> Int {
        min(batch.byteCount, rule.readsHeaders ? .max : ExpiryWork.headerCost)
    }

    /// Takes note of a stretch that was found to be expired.
    func note(_ run: ExpiredRun) {
        batches.note(run.start, to: run.end, expiry: run.expiry, by: rule, at: now)
    }
}

/// A stretch of expired batches that a reader goes over.
struct ExpiredRun {
    let start: Offset
    private(set) var end: Offset
    private(set) var expiry = Timestamp.none

    init(from start: Offset) {
        self.start = start
        end = start
    }

    mutating func add(_ lastOffset: Offset, expiry: Timestamp) {
        end = lastOffset.advanced(by: 1)
        self.expiry = max(self.expiry, expiry)
    }
}

/// How much of what is expired may be looked at for one answer: a stretch that nobody has gone over before may be of
/// any length, and who looks at it for an answer holds up others. What was gone over is remembered, so the next goes on.
package struct ExpiryWork: Sendable {
    /// In bytes of log that are read.
    private(set) var left: Int

    /// Of a batch of which the header says enough.
    static let headerCost = 4096

    package init(bytes: Int = 4 << 20) { left = bytes }

    static let unlimited = ExpiryWork(bytes: .max)

    package var isUsedUp: Bool { left <= 0 }

    /// False: it is used up.
    mutating func take(_ bytes: Int) -> Bool {
        guard left > 0 else { return false }
        if left < .max { left -= bytes }
        return true
    }
}
