import ArgumentParser
import KafkaClient
import Testing

@testable import martlet

@Suite("Command line")
struct CommandLineTests {
    @Test(
        "arguments that make no sense end with status 64 and a line that says what to do",
        arguments: [
            ["consume"], ["consume", "t", "--from", "-1x"], ["consume", "t", "--max", "-1"],
            ["consume", "t", "--json", "--format", "%s"], ["consume", "t", "--follow", "--to", "latest"],
            ["consume", "t", "--group", ""], ["consume", "t", "--group", "g", "--from", "latest"],
            ["consume", "t", "--group", "g", "--to", "latest"], ["consume", "t", "--group", "g", "--partition", "1"],
            ["consume", "t", "--assignor", "range"], ["consume", "t", "--instance-id", "i"],
            ["consume", "t", "--offset-reset", "latest"], ["consume", "t", "--group", "g", "--assignor", "sticky"],
            ["consume", "t", "--group", "g", "--assignor", "range", "--assignor", "range"],
            ["consume", "t", "--group", "g", "--offset-reset", "1"],
            ["consume", "t", "--group", "g", "--instance-id", ""],
            ["consume", "t", "--partition", "-1"], ["consume", "t", "--format", "%x"],
            ["produce", "t", "--key-field", "a", "--key-separator", ":"], ["produce", "t", "--acks", "2"],
            ["produce", "t", "--compression", "zstd"],
            ["produce", "t", "--record-bytes-max", "0"], ["produce", "t", "--key-separator", ""],
            ["serve", "--listen", "9092"], ["serve", "--listen", "127.0.0.1:70000"], ["serve", "--log-level", "loud"],
            ["serve", "--auto-create-partitions", "-1"], ["serve", "--advertise", "a:0"], ["serve", "extra"],
            ["serve", "--data", ""], ["serve", "--set", "no.such=1"], ["serve", "--set", "max.connections=0"],
            ["serve", "--set", "group.min.session.timeout.ms=2000000"], ["config", "alter"],
            ["config", "alter", "--set", "a=1", "--set", "a=2"], ["config", "alter", "--unset", "a", "--unset", "a"],
            ["config", "alter", "--set", "a=1", "--unset", "a"],
            ["config", "alter", "--set", "log.retention.ms=7days"],
            ["config", "alter", "--set", "a=1", "--all-brokers", "--id", "1"],
            ["topic", "create", "t", "--set", "novalue"], ["topic", "create", "t", "--set", "a=1", "--set", "a=2"],
            ["topic", "create", "t", "--set", "retention.ms=7days"], ["disk", "--reserve", "x"],
            ["topic", "alter", "t"], ["fleet", "produce", "t", "--devices", "0"],
            ["fleet", "produce", "t", "--interval", "0s"], ["fleet", "produce", "t", "--rate", "0"],
            ["fleet", "verify", "t", "--from", "2"], ["dump"], ["dump", "a.txt"], ["frobnicate"],
            ["group", "reset", "g"], ["group", "reset", "g", "--to", "latest", "--shift", "5"],
            ["group", "reset", "g", "--to", "soon"], ["group", "reset", "g", "--shift", "0"],
            ["group", "reset", "g", "--to-group", "g"], ["group", "reset", "g", "--shift", "1", "--create"],
            ["group", "reset", "g", "--to", "latest", "--topic", "t:"], ["group", "undo", "g", "--at", "latest"],
            ["group", "undo", "g", "--at", "-1h", "--change", "a"], ["group", "history", "g", "--last", "0"],
            ["group", "lag", "--top", "0"], ["group", "lag", "--rounds", "1"], ["group", "lag", "--max-bytes", "x"],
            ["group", "lag", "--by", "topics"], ["group", "lag", "--watch", "--interval", "1ms"],
            ["group", "diff", "g"], ["group", "diff", "g", "h", "--file", "f"], ["group", "copy", "g", "g"],
            ["group", "delete-offsets", "g"], ["group", "restore", "g"], ["group", "list", "--data", ""],
            ["group", "list", "--retention", "soon"], ["bench", "produce", "--records", "0"],
            ["bench", "produce", "--records", "5", "--seconds", "1"], ["bench", "produce", "--seconds", "0"],
            ["bench", "produce", "--seconds", "nan"], ["bench", "produce", "--warmup", "-1"],
            ["bench", "produce", "--rate", "0"], ["bench", "produce", "--rate", "inf"],
            ["bench", "produce", "--record-size", "0"], ["bench", "produce", "--record-size", "9MiB"],
            ["bench", "produce", "--record-size", "1kB", "--payload", "f"],
            ["bench", "produce", "--batch-size", "1GiB"],
            ["bench", "produce", "--linger-ms", "-1"], ["bench", "produce", "--connections", "0"],
            ["bench", "produce", "--in-flight", "0"], ["bench", "produce", "--partitions", "0"],
            ["bench", "produce", "--topic", "t"], ["bench", "produce", "--keep"], ["bench", "produce", "--svg", ""],
            ["bench", "produce", "--broker", "b:1", "--topic", "t", "--partitions", "2"],
            ["bench", "produce", "--broker", "b:1", "--martlet", "m"],
            ["bench", "consume", "--rate", "5"], ["bench", "consume", "--fill", "0"],
            ["bench", "consume", "--consumers", "0"], ["bench", "latency", "--consumers", "0"],
            ["bench", "commit", "--in-flight", "0"], ["bench", "connections", "--idle", "-1"],
            ["bench", "connections", "--acks", "0"], ["bench", "connections", "--active", "0"],
            ["bench", "open", "--runs", "0"], ["bench", "open", "--library", "--kill"], ["bench", "open", "d", "e"],
            ["bench", "open", "d", "--work-directory", "e"], ["bench", "mixed", "--acks", "0"],
            ["bench", "mixed", "--fill", "0"], ["bench", "frobnicate"],
        ])
    func usage(arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try Martlet.parseAsRoot(arguments) }
        guard let error else { return }
        #expect(Martlet.exitCode(for: error).rawValue == ExitStatus.usage.rawValue)
        #expect(Failure(error) == nil)
        let line = UsageError.line(for: error)
        #expect(!line.contains("\n"))
        #expect(line.contains(": see 'martlet") && line.hasSuffix(" --help'"))
    }

    @Test(
        "every command has help with examples",
        arguments: [
            ["config"], ["config", "check"], ["config", "show"], ["config", "alter"], ["config", "list"],
            ["serve"], ["produce"], ["consume"], ["export"], ["import"], ["dump"], ["verify"], ["topic", "create"],
            ["topic", "list"],
            ["topic", "describe"], ["topic", "alter"], ["topic", "delete"], ["topic"], ["disk"], ["fleet"],
            ["fleet", "produce"],
            ["fleet", "verify"],
            ["fleet", "print"], [], ["group"], ["group", "list"], ["group", "describe"], ["group", "lag"],
            ["group", "reset"], ["group", "history"], ["group", "undo"], ["group", "snapshot"], ["group", "restore"],
            ["group", "diff"], ["group", "copy"], ["group", "delete"], ["group", "delete-offsets"], ["bench"],
            ["bench", "produce"], ["bench", "consume"], ["bench", "latency"], ["bench", "commit"],
            ["bench", "connections"], ["bench", "open"], ["bench", "mixed"],
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

    @Test("a usage error names the help of the command that it is about")
    func usageNamesHelp() {
        let error = #expect(throws: (any Error).self) { try Martlet.parseAsRoot(["topic", "create", "a", "--bogus"]) }
        #expect(
            error.map(UsageError.line(for:)) == "Unknown option '--bogus': see 'martlet topic create --help'")
    }

    @Test("no example in a command's help is wider than a terminal, which would wrap it", arguments: Martlet.commands)
    func examplesFit(command: any ParsableCommand.Type) {
        let lines = command.configuration.discussion.split(separator: "\n").filter { $0.hasPrefix("  martlet ") }
        #expect(lines.allSatisfy { $0.count < 80 }, "\(lines)")
    }

    @Test("a producer's arguments become its options")
    func producerOptions() throws {
        let arguments = ["produce", "t", "--acks", "1", "-z", "none", "--record-bytes-max", "5000000"]
        let options = try #require(try Martlet.parseAsRoot(arguments) as? Produce).producer.options
        #expect(options.acks == .leader && !options.isIdempotent && options.compression == .none)
        #expect(options.requestBytesMax == 5_000_000)
    }

    @Test("a member's arguments become its options")
    func membershipOptions() throws {
        let arguments = [
            "consume", "t", "-g", "team", "--assignor", "range", "--assignor", "roundrobin", "--instance-id", "i",
            "--offset-reset", "latest", "--follow", "--max", "5",
        ]
        let command = try #require(try Martlet.parseAsRoot(arguments) as? Consume)
        let options = command.membership.options
        #expect(command.membership.group == "team" && command.from == nil)
        #expect(
            options.assignors == [.range, .roundRobin] && options.instanceID == "i" && options.offsetReset == .latest)
        let plain = try #require(try Martlet.parseAsRoot(["consume", "t", "--group", "g"]) as? Consume)
        #expect(plain.membership.options.assignors == [.cooperativeSticky])
        #expect(plain.membership.options.offsetReset == .earliest)
    }

    @Test("a time before now is taken as a value though it begins with a dash")
    func dashed() throws {
        let command = try #require(try Martlet.parseAsRoot(["consume", "t", "--from", "-1h"]) as? Consume)
        #expect(command.from == .ago(3_600_000))
    }
}

extension Martlet {
    /// All commands, with those below them.
    fileprivate static var commands: [any ParsableCommand.Type] {
        func all(_ command: any ParsableCommand.Type) -> [any ParsableCommand.Type] {
            [command] + command.configuration.subcommands.flatMap(all)
        }
        return all(Martlet.self)
    }
}
