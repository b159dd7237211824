import ArgumentParser

struct FleetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fleet",
        abstract: "Makes the telemetry of a fleet of devices, and checks its replay byte for byte.",
        discussion: """
            The readings are determined by the seed, so a replay is compared with what was sent without keeping it.

            EXAMPLES
              martlet fleet produce telemetry --records 1000000
              martlet fleet verify telemetry
              martlet fleet verify telemetry --from 2026-01-01T01:00:00Z
              martlet fleet print --records 10
            """,
        subcommands: [FleetProduce.self, FleetVerify.self, FleetPrint.self])
}
