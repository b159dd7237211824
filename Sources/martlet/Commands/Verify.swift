import ArgumentParser
import Storage

struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Checks a stopped broker's data directory and names what is damaged.",
        discussion: """
            Reads every batch (length, checksum, records), sees to it that offsets follow each other up to what was \
            acknowledged, that each index entry names a batch, and that catalogue, checkpoints and journal are whole. \
            Changes nothing. A line for each finding: file, byte, what.

            What a hard stop left unfinished at the end of a partition is no damage: opening the log completes it from \
            the journal, or cuts it where it was never acknowledged. So it finishes an exchange of segments by a compaction. \
            Where records were compacted their offsets may be missing inside a segment. Indexes and checkpoints are made anew when the log \
            finds them wrong.

            Exit status 3: something is damaged.

            EXAMPLES
              martlet verify martlet-data
              martlet verify martlet-data --json
            """)

    @Argument(help: "The data directory.")
    var directory: String

    @OptionGroup var output: OutputOptions

    func run() throws {
        let lock = try takeLock()
        defer { withExtendedLifetime(lock) {} }
        var progress = Progress("Checking")
        var check = DirectoryCheck(directory)
        try check.run { check in
            if progress.isDue {
                progress.update(Throughput(records: check.recordCount, payloadBytes: check.byteCount), fraction: nil)
            }
        }
        let elapsed = progress.elapsed
        progress.finish()
        var out = StandardOutput()
        if output.json {
            out.bytes.append(contentsOf: json(check))
            try out.writeLine("")
        } else {
            for finding in check.findings { try out.writeLine(finding.line) }
            let done = Throughput(records: check.recordCount, payloadBytes: check.byteCount, elapsed: elapsed)
            try out.writeLine(
                "\(check.partitionCount.grouped) partitions, \(check.segmentCount.grouped) segments, "
                    + "\(check.batchCount.grouped) batches, \(done.text)")
            if check.compactedCount > 0 {
                try out.writeLine(
                    "\(check.compactedCount.grouped) offsets are not there any more: their records were compacted")
            }
            try out.writeLine(check.isDamaged ? "DAMAGED: see the lines above" : "No damage found")
        }
        try out.flush()
        if check.isDamaged { throw ExitCode(ExitStatus.damage.rawValue) }
    }

    /// A broker at work changes its files under our eyes.
    private func takeLock() throws -> (any FileLock)? {
        let fileSystem = PosixFileSystem()
        guard fileSystem.exists(directory + "/lock") else { return nil }
        do {
            return try fileSystem.lock(directory + "/lock")
        } catch {
            if error.isLocked { throw Failure("\(directory) is in use by a broker: stop that first") }
            throw error
        }
    }

    private func json(_ check: DirectoryCheck) -> [UInt8] {
        var findings = Table([
            .init("kind", "Kind"), .init("file", "File"), .init("position", "Byte"), .init("what", "What"),
        ])
        for finding in check.findings {
            findings.add(
                .text(finding.kind.rawValue), .text(finding.file), .init(finding.position), .text(finding.what))
        }
        var bytes = Array(
            """
            {"isDamaged":\(check.isDamaged),"partitions":\(check.partitionCount),"segments":\(check.segmentCount),\
            "batches":\(check.batchCount),"records":\(check.recordCount),"bytes":\(check.byteCount),\
            "compactedOffsets":\(check.compactedCount),"findings":
            """.utf8)
        bytes.append(contentsOf: findings.json)
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }
}
