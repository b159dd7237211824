import ArgumentParser
import KafkaClient

struct Disk: TopicSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "disk",
        abstract: "Shows what topics take on the disk, how they grow, and when there is no more room.",
        discussion: """
            Growth is what the last day has brought, by the records' timestamps; where the history is shorter, what that was, \
            taken for a day, and a note says so. Held at: what a topic's settings will let it become at that rate; nothing \
            there means that it grows for as long as it is written to. Bytes are those of record batches; indexes take \
            about half a percent more.

            With --within the exit status is 2 if the reserve is reached before.

            EXAMPLES
              martlet disk
              martlet disk --by partition --topic readings
              martlet disk --reserve 20GiB --within 14d || alert "the disk fills up"
              martlet disk --svg disk.svg
              martlet disk --data martlet-data --json
            """)

    @Option(help: "A row a topic or partition.")
    var by = Level.topic

    @Option(help: "Sorts by name, bytes or growth: the most first.")
    var sort = Order.bytes

    @Option(name: [.short, .long], help: ArgumentHelp("Only this topic; may be repeated.", valueName: "name"))
    var topic: [String] = []

    @Option(help: ArgumentHelp("Shows only so many rows.", valueName: "n"))
    var top: Int?

    @Option(
        help: ArgumentHelp(
            "How much room is to be left: 5GiB, 10%. (default: min.free.bytes)", valueName: "size"),
        transform: Self.reserve)
    var reserve: DiskReserve?

    @Option(
        help: ArgumentHelp("Exit status 2 if the reserve is reached within this.", valueName: "duration"),
        transform: GroupList.duration)
    var within: Int64?

    @Option(help: ArgumentHelp("Draws how the disk fills into this file, too.", valueName: "file"))
    var svg: String?

    @OptionGroup var source: SourceOptions
    @OptionGroup var output: OutputOptions

    enum Level: String, CaseIterable, ExpressibleByArgument { case topic, partition }
    enum Order: String, CaseIterable, ExpressibleByArgument { case name, bytes, growth }

    static func reserve(_ text: String) throws -> DiskReserve {
        guard let reserve = DiskReserve(text) else {
            throw ValidationError("'\(text)' is no reserve: give a size such as 5GiB, or a part such as 10%")
        }
        return reserve
    }

    func validate() throws {
        if let top, top < 1 { throw ValidationError("--top takes 1 or more") }
        if !topic.isEmpty, within != nil || svg != nil {
            throw ValidationError("--within and --svg are about all topics: leave --topic out")
        }
    }

    func perform(
        _ backend: any TopicBackend, now: Timestamp, to out: inout StandardOutput
    ) async throws -> ExitStatus {
        let survey = try await DiskSurvey(of: topic.isEmpty ? nil : topic, from: backend, now: now)
        let reserve = reserve ?? survey.reserve
        let report = DiskReport(survey, level: by, order: sort, top: top, reserve: reserve)
        if output.json {
            out.bytes.append(contentsOf: report.json)
            try out.writeLine("")
        } else {
            try report.print(showsVolumes: topic.isEmpty, to: &out)
        }
        if let svg { try writeTextFile(Array(DiskPlot(survey, reserve: reserve).svg.utf8), to: svg) }
        return within.map(report.isReached(within:)) ?? false ? .threshold : .success
    }
}
