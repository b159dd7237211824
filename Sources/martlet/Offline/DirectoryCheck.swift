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

    private let path: String
    private let fileSystem = PosixFileSystem()

    init(_ path: String) { self.path = path }

    /// Calls `progress` after each segment.
    mutating func run(progress: (Self) -> Void) throws {
        guard fileSystem.exists(path) else { throw Failure("there is no directory \(path)") }
        for name in try fileSystem.list(path).sorted() {
            guard let dash = name.lastIndex(of: "-"), Int(name[name.index(after: dash)...]) != nil else { continue }
            try check(partition: "\(path)/\(name)", progress)
        }
        if partitionCount == 0, !fileSystem.exists("\(path)/catalogue") {
            throw Failure("\(path) is no data directory: give the one that a broker was run with")
        }
    }

    private mutating func check(partition directory: String, _ progress: (Self) -> Void) throws {
        let bases = try fileSystem.list(directory).filter { $0.hasSuffix(".log") }.compactMap { baseOffset(inName: $0) }
        guard !bases.isEmpty else { return }
        partitionCount += 1
        var expected: Offset?
        for base in bases.sorted() {
            var check = SegmentCheck(directory: directory, base: base, isLast: base == bases.max())
            try check.run()
            if let expected, expected != base {
                let what = "the segment starts at offset \(base) where \(expected) was due"
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
    }

    var isDamaged: Bool { findings.contains { $0.kind != .unfinished } }
}
