import ArgumentParser
import EventLog
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

            With --repair, where something is damaged: opens the log, which completes from the journal what it can, moves the \
            bytes of each damaged range into the directory 'lost' beside the partitions, and has batches without records \
            stand for its offsets. So all offsets stay, what is whole is served, and other Kafka tools read the files. \
            Nothing is deleted: lost/README says what each file in it was. A repair that is cut short can be run again.

            Exit status 3: something is damaged; with --repair, something is still.

            EXAMPLES
              martlet verify martlet-data
              martlet verify martlet-data --json
              martlet verify martlet-data --repair
            """)

    @Argument(help: "The data directory.")
    var directory: String

    @Flag(help: "Moves what is damaged into the directory 'lost', so that the rest can be read without a gap.")
    var repair = false

    @OptionGroup var output: OutputOptions

    func run() throws {
        var (check, elapsed) = try locked { try self.check() }
        var out = StandardOutput()
        var repaired: LogRepair?
        if repair, check.isDamaged {
            if !output.json { try print(check.findings, to: &out) }
            try out.flush()
            repaired = try repair(check)
            (check, elapsed) = try locked { try self.check() }
        }
        if output.json {
            out.bytes.append(contentsOf: json(check, repaired))
            try out.writeLine("")
        } else {
            if let repaired { try print(repaired, to: &out) }
            try print(check.findings, to: &out)
            try printSummary(of: check, elapsed, to: &out)
        }
        try out.flush()
        if check.isDamaged { throw ExitCode(ExitStatus.damage.rawValue) }
    }

    private func check() throws -> (DirectoryCheck, Duration) {
        var progress = Progress("Checking")
        defer { progress.finish() }
        var check = DirectoryCheck(directory)
        try check.run { check in
            if progress.isDue {
                progress.update(Throughput(records: check.recordCount, payloadBytes: check.byteCount), fraction: nil)
            }
        }
        return (check, progress.elapsed)
    }

    private func repair(_ check: DirectoryCheck) throws -> LogRepair {
        // Opening makes them anew, but does not look at every entry.
        let indexes = Set(check.findings.filter { $0.kind == .index }.map(\.file))
        try locked { for file in indexes { try PosixFileSystem().remove(file) } }
        let log = try DataDirectory.open(at: directory)
        var progress = Progress("Repairing")
        defer { progress.finish() }
        let repair = try LogRepair.run(on: log) { repair in
            if progress.isDue {
                let fraction = repair.byteCount > 0 ? Double(repair.bytesChecked) / Double(repair.byteCount) : nil
                progress.update(Throughput(payloadBytes: repair.bytesChecked), fraction: fraction)
            }
        }
        try log.close()
        return repair
    }

    private func print(_ findings: [Finding], to out: inout StandardOutput) throws {
        for finding in findings { try out.writeLine(finding.line) }
    }

    private func print(_ repair: LogRepair, to out: inout StandardOutput) throws {
        for moved in repair.moved {
            let place =
                "\(moved.topic)-\(moved.partition), offsets \(moved.offsets.lowerBound) to "
                + "\(moved.offsets.upperBound.advanced(by: -1))"
            try out.writeLine(
                moved.savedAs.map { "repaired: \(place): \(moved.byteCount.grouped) bytes moved to \($0)" }
                    ?? "repaired: \(place): the records are missing, and nothing of them was there to be moved")
        }
        for left in repair.left {
            try out.writeLine("not repaired: \(left.topic)-\(left.partition): \(left.reason)")
        }
    }

    private func printSummary(of check: DirectoryCheck, _ elapsed: Duration, to out: inout StandardOutput) throws {
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

    private func locked<R>(_ body: () throws -> R) throws -> R {
        let lock = try takeLock()
        defer { withExtendedLifetime(lock) {} }
        return try body()
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

    private func json(_ check: DirectoryCheck, _ repair: LogRepair?) -> [UInt8] {
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
        if let repair {
            bytes.append(contentsOf: #","repaired":"#.utf8)
            bytes.append(contentsOf: table(of: repair.moved).json)
            bytes.append(contentsOf: #","notRepaired":"#.utf8)
            bytes.append(contentsOf: table(of: repair.left).json)
        }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    private func table(of moved: [LogRepair.Moved]) -> Table {
        var table = Table([
            .init("topic", "Topic"), .init("partition", "Partition"), .init("from", "From"), .init("to", "To"),
            .init("file", "File"), .init("position", "Byte"), .init("bytes", "Bytes"), .init("movedTo", "Moved to"),
            .init("reason", "Reason"),
        ])
        for moved in moved {
            table.add(
                .text(moved.topic), .init(moved.partition), .init(moved.offsets.lowerBound.value),
                .init(moved.offsets.upperBound.advanced(by: -1).value), .text(moved.file), .init(moved.position),
                .init(moved.byteCount), .init(moved.savedAs), .text(moved.reason))
        }
        return table
    }

    private func table(of left: [LogRepair.Left]) -> Table {
        var table = Table([.init("topic", "Topic"), .init("partition", "Partition"), .init("reason", "Reason")])
        for left in left { table.add(.text(left.topic), .init(left.partition), .text(left.reason)) }
        return table
    }
}
