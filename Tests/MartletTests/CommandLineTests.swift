import ArgumentParser
import Testing

@testable import martlet

@Suite("Command line")
struct CommandLineTests {
    @Test(
        "arguments that make no sense end with status 64 and a line that says what to do",
        arguments: [
            ["consume"], ["consume", "t", "--from", "-1x"], ["consume", "t", "--max", "-1"],
            ["consume", "t", "--json", "--format", "%s"], ["consume", "t", "--follow", "--to", "latest"],
            ["consume", "t", "--partition", "-1"], ["consume", "t", "--format", "%x"],
            ["produce", "t", "--key-field", "a", "--key-separator", ":"], ["produce", "t", "--acks", "2"],
            ["produce", "t", "--compression", "zstd"], ["produce", "t", "--key-separator", ""],
            ["serve", "--listen", "9092"], ["serve", "--listen", "127.0.0.1:70000"], ["serve", "--log-level", "loud"],
            ["serve", "--auto-create-partitions", "-1"], ["serve", "--advertise", "a:0"], ["serve", "extra"],
            ["topic", "create", "t", "--set", "novalue"], ["topic", "create", "t", "--set", "a=1", "--set", "a=2"],
            ["topic", "alter", "t"], ["fleet", "produce", "t", "--devices", "0"],
            ["fleet", "produce", "t", "--interval", "0s"], ["fleet", "produce", "t", "--rate", "0"],
            ["fleet", "verify", "t", "--from", "2"], ["dump"], ["dump", "a.txt"], ["frobnicate"],
        ])
    func usage(arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try Martlet.parseAsRoot(arguments) }
        guard let error else { return }
        #expect(Martlet.exitCode(for: error).rawValue == ExitStatus.usage.rawValue)
        #expect(Failure(error) == nil)
        #expect(!Martlet.message(for: error).isEmpty)
    }

    @Test(
        "every command has help with examples",
        arguments: [
            ["serve"], ["produce"], ["consume"], ["dump"], ["verify"], ["topic", "create"], ["topic", "list"],
            ["topic", "describe"], ["topic", "alter"], ["topic", "delete"], ["fleet", "produce"], ["fleet", "verify"],
            ["fleet", "print"], [],
        ])
    func help(command: [String]) throws {
        // Help is itself a command, which throws what it has to say.
        let error = #expect(throws: (any Error).self) {
            var help = try Martlet.parseAsRoot(command + ["--help"])
            try help.run()
        }
        #expect(error.map { Martlet.fullMessage(for: $0) }?.contains("EXAMPLES") == true)
        #expect(error.map { Martlet.exitCode(for: $0) } == .success)
    }

    @Test("a time before now is taken as a value though it begins with a dash")
    func dashed() throws {
        let command = try #require(try Martlet.parseAsRoot(["consume", "t", "--from", "-1h"]) as? Consume)
        #expect(command.from == .ago(3_600_000))
    }
}
