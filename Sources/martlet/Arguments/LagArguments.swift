import ArgumentParser

/// What is too much, how rows are gathered and sorted.
struct LagArguments: ParsableArguments {
    @Option(help: "A row a group, topic, member or partition. (default: partition for one group, else group)")
    var by: LagLevel?

    @Option(help: "Sorts by name, records, seconds or bytes: the most first.")
    var sort = LagOrder.records

    @Option(help: ArgumentHelp("Shows only so many rows.", valueName: "n"))
    var top: Int?

    @Option(help: ArgumentHelp("A row with more records is too far behind: exit status 2.", valueName: "n"))
    var maxRecords: Int64?

    @Option(
        help: ArgumentHelp("So is one that is further behind: seconds, or 5m, 1h.", valueName: "seconds"),
        transform: Self.span)
    var maxSeconds: Int64?

    @Option(
        help: ArgumentHelp("So is one with more bytes: a number, or 500kB, 20MiB, 1GB.", valueName: "bytes"),
        transform: Self.bytes)
    var maxBytes: Int64?

    var thresholds: LagThresholds {
        LagThresholds(records: maxRecords, bytes: maxBytes, milliseconds: maxSeconds)
    }

    func validate() throws {
        if let top, top < 1 { throw ValidationError("--top takes 1 or more") }
        if let maxRecords, maxRecords < 0 { throw ValidationError("--max-records takes 0 or more") }
    }

    /// Milliseconds.
    static func span(_ text: String) throws -> Int64 {
        if let span = DurationText.parse(text) { return span }
        guard let seconds = Double(text), seconds >= 0, seconds < 1e12 else {
            throw ValidationError("'\(text)' is no span of time: give seconds, or \(DurationText.example)")
        }
        return Int64((seconds * 1000).rounded())
    }

    static func bytes(_ text: String) throws -> Int64 {
        guard let bytes = SizeText.parse(text) else {
            throw ValidationError("'\(text)' is no number of bytes: give one such as \(SizeText.example)")
        }
        return bytes
    }
}

extension LagLevel: ExpressibleByArgument {}
extension LagOrder: ExpressibleByArgument {}
