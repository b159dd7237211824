import EventLog
import RecordFormat
import Storage

/// Checks the files of a data directory that nobody has open.
struct DirectoryCheck {
    private(set) var findings: [Finding] = []
    private(set) var partitionCount = 0
    private(set) var segmentCount = 0
    private(set) var batchCount = 0
    private(set) var recordCount = 0
    private(set) var byteCount = 0
    /// Offsets that are missing where records were compacted.
    private(set) var compactedCount: Int64 = 0

    private let path: String
    private let fileSystem = PosixFileSystem()

    init(_ path: String) { self.path = path }

    /// Calls `progress` after each segment.
    mutating func run(progress: (Self) -> Void) throws {
        guard fileSystem.exists(path) else { throw Failure("there is no directory \(path)") }
        let partitions = try fileSystem.list(path).sorted().filter(isPartition)
        guard !partitions.isEmpty || fileSystem.exists("\(path)/catalogue") else {
            throw Failure("\(path) is no data directory: give the one that a broker was run with")
        }
        let survey = try DirectorySurvey(of: path, fileSystem)
        findings += survey.problems.map(Finding.init)
        for name in partitions {
            guard survey.known?.contains(name) ?? true else {
                let what = "the catalogue has no such partition: nobody reads it"
                findings.append(Finding(kind: .stray, file: "\(path)/\(name)", position: 0, what: what))
                continue
            }
            try check(partition: name, survey, progress)
        }
    }

    private func isPartition(_ name: String) -> Bool {
        guard let dash = name.lastIndex(of: "-"), Int(name[name.index(after: dash)...]) != nil else { return false }
        return (try? fileSystem.list("\(path)/\(name)")) != nil
    }

    private mutating func check(
        partition name: String, _ survey: DirectorySurvey, _ progress: (Self) -> Void
    ) throws {
        let (directory, claim, exchange) = ("\(path)/\(name)", survey.claims[name], survey.exchanges[name])
        let replaced = exchange?.replaced ?? []
        if let exchange { add(exchange) }
        let all = try fileSystem.list(directory).filter { $0.hasSuffix(".log") }.compactMap { baseOffset(inName: $0) }
            .filter { !(exchange?.isPlaced ?? false) || !replaced.dropFirst().contains($0) }
        let bases = keptBases(all.sorted(), claim)
        partitionCount += 1
        var expected: Offset?
        for (index, base) in zip(bases.indices, bases) {
            let next = bases.index(after: index) < bases.endIndex ? bases[bases.index(after: index)] : nil
            var check = SegmentCheck(
                directory: directory, base: base, isLast: base == bases.last, claim,
                maySkipOffsets: base < claim?.replayFrom ?? 0 || survey.compacted.contains(name),
                hasIndexes: !replaced.contains(base), nextBase: next)
            try check.run()
            compactedCount += check.missingCount
            let start = expected ?? min(base, claim?.logStart ?? base)
            if start != base {
                let what = "the segment starts at offset \(base) where \(start) was due"
                findings.append(Finding(kind: .damage, file: check.path(.log), position: 0, what: what))
            }
            findings += check.findings
            // After damage at a segment's end nobody knows where it ended.
            expected = check.findings.contains { $0.kind == .damage } ? nil : check.end ?? base
            segmentCount += 1
            batchCount += check.batchCount
            recordCount += check.recordCount
            byteCount += check.byteCount
            progress(self)
        }
        if let claim, !bases.contains(claim.segment) {
            var check = SegmentCheck(directory: directory, base: claim.segment, isLast: true, claim)
            check.runMissing()
            findings += check.findings
        }
    }

    private mutating func add(_ exchange: DirectorySurvey.Exchange) {
        let what =
            exchange.replaced.isEmpty
            ? "segments were being rewritten: opening the log takes that back"
            : "an exchange of segments was cut short: opening the log finishes it"
        findings.append(Finding(kind: .unfinished, file: exchange.file, position: 0, what: what))
    }

    /// Without the segments whose records were all deleted: some may be gone, and opening the log removes the others.
    private func keptBases(_ bases: [Offset], _ claim: DirectorySurvey.Claim?) -> ArraySlice<Offset> {
        guard let claim else { return bases[...] }
        return bases.dropFirst(
            zip(bases, bases.dropFirst()).prefix { $1 <= claim.logStart && $0 < claim.segment }.count)
    }

    var isDamaged: Bool { findings.contains(where: \.isDamage) }
}
