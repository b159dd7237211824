import ArgumentParser
import Fleet

struct FleetPrint: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "print",
        abstract: "Prints a fleet's readings as lines of JSON.",
        discussion: """
            EXAMPLES
              martlet fleet print --records 1000 | kcat -P -b 127.0.0.1:9092 -t readings
              martlet fleet print --devices 3 --interval 1s --records 9
            """)

    @Option(name: [.short, .long], help: "How many readings.")
    var records = 1000

    @OptionGroup var arguments: FleetArguments

    func run() throws {
        var readings = FleetReadings(of: arguments.fleet)
        var out = StandardOutput()
        for _ in 0..<max(0, records) {
            readings.advance()
            out.bytes.append(readings.value)
            out.bytes.append(UInt8(ascii: "\n"))
            try out.flushIfLarge()
        }
        try out.flush()
    }
}
