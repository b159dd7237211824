import ArgumentParser
import KafkaClient

/// A command about groups, which works on a broker and on a directory alike.
protocol GroupSubcommand: AsyncParsableCommand {
    var source: SourceOptions { get }
    /// Does the work. What it prints is the same whatever the groups are in.
    func perform(
        _ backend: any GroupBackend, now: Timestamp, to out: inout StandardOutput
    ) async throws -> ExitStatus
}

extension GroupSubcommand {
    func run() async throws { try await runOnce() }

    func runOnce() async throws {
        let status = try await source.withGroups { backend in
            var out = StandardOutput()
            let status = try await perform(backend, now: .now, to: &out)
            try out.flush()
            return status
        }
        try status.endUnlessSuccess()
    }
}

extension ExitStatus {
    func endUnlessSuccess() throws {
        if self != .success { throw ExitCode(rawValue) }
    }
}
