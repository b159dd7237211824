import EventLog
import RecordFormat
import Storage

/// Something wrong in a data directory.
struct Finding: Hashable {
    enum Kind: String {
        /// Records are lost or wrong, or the log cannot be opened.
        case damage
        /// A checkpoint is not whole. The log reads the partition's segments instead.
        case checkpoint
        /// An index lies. The log makes it anew when it meets the lie.
        case index
        /// Bytes that are no whole batch, where a write was under way when the log was stopped hard: opening the log
        /// completes them from the journal, or cuts them where they were never acknowledged.
        case unfinished
        /// Nobody reads it.
        case stray
    }

    var kind: Kind
    var file: String
    /// In bytes, from the start of the file.
    var position: Int
    var what: String

    var isDamage: Bool {
        switch kind {
        case .damage, .checkpoint, .index: true
        case .unfinished, .stray: false
        }
    }

    var line: String { "\(file): byte \(position.grouped): \(isDamage ? "" : "\(kind): ")\(what)" }
}

extension Finding {
    init(_ problem: DirectorySurvey.Problem) {
        self.init(
            kind: problem.subject == .checkpoint ? .checkpoint : .damage, file: problem.file,
            position: problem.position, what: problem.reason)
    }
}

/// Checks one segment: every batch, and that its indexes name batches of it.
struct SegmentCheck {
    let directory: String
    let base: Offset
    /// The last segment of its partition: only there a write can have been under way.
    let isLast: Bool
    /// nil: nothing says up to where the partition was acknowledged.
    let claim: DirectorySurvey.Claim?
    /// Offsets may be missing between batches: records were compacted.
    let maySkipOffsets: Bool
    /// False: opening the log makes them anew, whatever they say.
    let hasIndexes: Bool

    private(set) var findings: [Finding] = []
    private(set) var recordCount = 0
    private(set) var batchCount = 0
    private(set) var byteCount = 0
    /// Up to where the log was gone through.
    private var checkedBytes = 0
    /// Offsets that are missing, where they may.
    private(set) var missingCount: Int64 = 0
    /// The offset after the last batch; nil: there is none.
    private(set) var end: Offset?

    private struct Batch {
        var position: Int
        var lastOffset: Offset
        var maxTimestamp: Timestamp
    }

    private var batches: [Batch] = []
    /// Of the segment that follows; nil: there is none.
    private let nextBase: Offset?

    init(
        directory: String, base: Offset, isLast: Bool, _ claim: DirectorySurvey.Claim? = nil,
        maySkipOffsets: Bool = false, hasIndexes: Bool = true, nextBase: Offset? = nil
    ) {
        self.nextBase = nextBase
        self.maySkipOffsets = maySkipOffsets
        self.hasIndexes = hasIndexes
        self.directory = directory
        self.base = base
        self.isLast = isLast
        self.claim = claim
    }

    func path(_ kind: SegmentFileKind) -> String {
        let digits = String(base.value)
        return "\(directory)/\(String(repeating: "0", count: max(0, 20 - digits.count)))\(digits).\(kind.rawValue)"
    }

    /// For a segment that the checkpoint speaks of and that is not there.
    mutating func runMissing() { checkLength(0) }

    mutating func run() throws {
        defer { batches = [] }
        do {
            try checkLog()
            guard hasIndexes else { return }
            try checkOffsetIndex()
            try checkTimeIndex()
        } catch let error as FileError where error.operation == .read {
            let kind = SegmentFileKind(path: error.path) ?? .log
            let what =
                kind == .log ? "the disk cannot read it; offsets \(end ?? base) and later" : "the disk cannot read it"
            add(kind == .log ? .damage : .index, kind, kind == .log ? checkedBytes : 0, what)
        }
    }

    private mutating func checkLog() throws {
        let log = try mapFile(path(.log))
        byteCount = log.count
        var scan = BatchFileScan(log)
        var expected = base
        var endsInDamage = false
        /// Up to where its offsets go, the next batch says.
        var damage: BatchFileScan.Damage?
        while let step = try scan.next() {
            checkedBytes = scan.position
            switch step {
            case .batch(let position, let header):
                if let found = damage {
                    add(found, expected, header.baseOffset)
                    damage = nil
                    expected = max(expected, header.baseOffset)
                }
                if header.baseOffset > expected, maySkipOffsets {
                    addMissing(header.baseOffset.value - expected.value)
                } else if header.baseOffset != expected {
                    add(.damage, .log, position, gap(expected, header.baseOffset))
                }
                expected = header.lastOffset.advanced(by: 1)
                recordCount += Int(header.recordCount)
                if maySkipOffsets { addMissing(Int64(header.lastOffsetDelta) + 1 - Int64(header.recordCount)) }
                batchCount += 1
                end = expected
                batches.append(
                    Batch(position: position, lastOffset: header.lastOffset, maxTimestamp: header.maxTimestamp))
            case .damage(let found):
                if let damage { add(damage, expected, nil) }
                damage = found
            }
        }
        if let damage {
            add(damage, expected, nextBase)
            endsInDamage = true
        }
        // A batch that is cut has been said.
        if !endsInDamage { checkLength(log.count) }
    }

    private mutating func addMissing(_ count: Int64) {
        let (sum, overflow) = missingCount.addingReportingOverflow(count)
        missingCount = overflow ? .max : sum
    }

    /// - Parameter next: the offset behind it; nil: nobody knows.
    private mutating func add(_ damage: BatchFileScan.Damage, _ expected: Offset, _ next: Offset?) {
        let bytes = damage.position..<damage.position + damage.byteCount
        let wasUnderWay = damage.isTail && isLast && !isAcknowledged(damage.position)
        add(
            wasUnderWay || isJournaled(bytes) ? .unfinished : .damage, .log, damage.position,
            "\(damage.byteCount.grouped) bytes are no batch: \(damage.reason)" + offsets(expected, next))
    }

    private func offsets(_ expected: Offset, _ next: Offset?) -> String {
        guard let next else { return "; offsets \(expected) and later" }
        let last = next.advanced(by: -1)
        return last < expected ? "" : "; offsets \(expected) to \(last)"
    }

    /// Whether a checkpoint vouches for the byte at a position.
    private func isAcknowledged(_ position: Int) -> Bool {
        guard let claim else { return false }
        return base < claim.segment || (base == claim.segment && position < claim.position)
    }

    /// Whether opening the log writes these bytes anew.
    private func isJournaled(_ bytes: Range<Int>) -> Bool {
        claim?.journaled[base]?.contains { $0.lowerBound <= bytes.lowerBound && bytes.upperBound <= $0.upperBound }
            ?? false
    }

    /// Sees to it that the file holds all that its checkpoint says, if it is the one that this speaks of.
    private mutating func checkLength(_ count: Int) {
        guard let claim, claim.segment == base, count < claim.position else { return }
        let what =
            PosixFileSystem().exists(path(.log))
            ? "the file ends here where the checkpoint says byte \(claim.position.grouped)" : "the file is missing"
        add(
            isJournaled(count..<claim.position) ? .unfinished : .damage, .log, count,
            "\(what): offsets \(end ?? base) to \(claim.end.advanced(by: -1)) are missing")
    }

    private func gap(_ expected: Offset, _ found: Offset) -> String {
        found > expected
            ? "offsets \(expected) to \(found.advanced(by: -1)) are missing"
            : "offset \(found) comes again where \(expected) was due"
    }

    private mutating func checkOffsetIndex() throws {
        guard let index = try mapIndex(.index, entrySize: OffsetIndexFile.entrySize) else { return }
        var next = 0
        for (number, entry) in try OffsetIndexFile(index).entries.enumerated() {
            while next < batches.count, batches[next].position < Int(entry.position) { next += 1 }
            let offset = base.advanced(by: Int64(entry.relativeOffset))
            if next < batches.count, batches[next].position == Int(entry.position), batches[next].lastOffset == offset {
                continue
            }
            // What lies in damage has been said already.
            guard findings.isEmpty || isBesideDamage(Int(entry.position)) else { continue }
            add(
                .index, .index, number * OffsetIndexFile.entrySize,
                "no batch with last offset \(offset) begins at byte \(Int(entry.position).grouped) of the log")
            return
        }
    }

    /// Whether no finding in the log explains that there is no batch at a position.
    private func isBesideDamage(_ position: Int) -> Bool {
        !findings.contains { $0.kind != .index && $0.position <= position }
    }

    private mutating func checkTimeIndex() throws {
        guard let index = try mapIndex(.timeindex, entrySize: TimeIndexFile.entrySize) else { return }
        guard findings.allSatisfy({ $0.kind == .index }) else { return }
        var (next, latest) = (0, Int64.min)
        for (number, entry) in try TimeIndexFile(index).entries.enumerated() {
            let offset = base.advanced(by: Int64(entry.relativeOffset))
            while next < batches.count, batches[next].lastOffset <= offset {
                latest = max(latest, batches[next].maxTimestamp.milliseconds)
                next += 1
            }
            if latest == entry.timestamp { continue }
            add(
                .index, .timeindex, number * TimeIndexFile.entrySize,
                "\(entry.timestamp) is not the largest timestamp up to offset \(offset)")
            return
        }
    }

    /// nil: the file is missing, which is fine: it will be made.
    private mutating func mapIndex(_ kind: SegmentFileKind, entrySize: Int) throws -> MappedFile? {
        guard PosixFileSystem().exists(path(kind)) else { return nil }
        let file = try mapFile(path(kind))
        if file.count % entrySize != 0 {
            add(.index, kind, file.count - file.count % entrySize, "the file ends within an entry")
        }
        return file
    }

    private mutating func add(_ kind: Finding.Kind, _ file: SegmentFileKind, _ position: Int, _ what: String) {
        findings.append(Finding(kind: kind, file: path(file), position: position, what: what))
    }
}
