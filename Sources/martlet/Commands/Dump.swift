import ArgumentParser
import RecordFormat
import Storage

struct Dump: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints what is in a segment's files: batches, records, index entries.",
        discussion: """
            Works on files, not on a broker, and changes nothing. What a file is tells its name: .log, .index or \
            .timeindex. Damage is said in a line of its own, and the command goes on behind it.

            Exit status 3: a file is damaged.

            EXAMPLES
              martlet dump martlet-data/readings-0/00000000000000000000.log
              martlet dump --records --json martlet-data/readings-0/*.log
              martlet dump martlet-data/readings-0/*.index
            """)

    @Argument(help: "Segment files: .log, .index or .timeindex.")
    var files: [String]

    @Flag(help: "Prints each record of a .log file, too.")
    var records = false

    @OptionGroup var output: OutputOptions

    func validate() throws {
        for file in files where SegmentFileKind(path: file) == nil {
            throw ValidationError("'\(file)' is none of a segment's files: give .log, .index or .timeindex files")
        }
    }

    func run() throws {
        var out = StandardOutput()
        var isDamaged = false
        for file in files {
            guard let kind = SegmentFileKind(path: file) else { continue }
            if files.count > 1, !output.json { try out.writeLine("\(file):") }
            let mapped = try mapFile(file)
            switch kind {
            case .log:
                var dump = LogDump(printsRecords: records, asJSON: output.json)
                try dump.run(mapped, to: &out)
                isDamaged = isDamaged || dump.isDamaged
            case .index: try printOffsetIndex(mapped, base: baseOffset(inName: file), to: &out)
            case .timeindex: try printTimeIndex(mapped, base: baseOffset(inName: file), to: &out)
            }
        }
        try out.flush()
        if isDamaged { throw ExitCode(ExitStatus.damage.rawValue) }
    }

    private func printOffsetIndex(
        _ file: MappedFile, base: Offset?, to out: inout StandardOutput
    ) throws {
        var table = Table([.init("offset", "Offset", isNumber: true), .init("position", "Position", isNumber: true)])
        for entry in try OffsetIndexFile(file).entries {
            table.add(.init(absolute(entry.relativeOffset, base)), .init(entry.position))
        }
        try table.print(asJSON: output.json, to: &out)
    }

    private func printTimeIndex(_ file: MappedFile, base: Offset?, to out: inout StandardOutput) throws {
        var table = Table([
            .init("timestamp", "Timestamp"), .init("time", "Time"), .init("offset", "Offset", isNumber: true),
        ])
        for entry in try TimeIndexFile(file).entries {
            let time = output.json ? Table.Cell.number(entry.timestamp) : .text(String(entry.timestamp))
            table.add(time, .text(TimeText.format(entry.timestamp)), .init(absolute(entry.relativeOffset, base)))
        }
        try table.print(asJSON: output.json, to: &out)
    }

    private func absolute(_ relative: UInt32, _ base: Offset?) -> Int64 {
        (base ?? 0).advanced(by: Int64(relative)).value
    }
}
