import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import TestSupport
import Testing

/// A broker that holds records already and serves a bystander, for a test that sends it what it must refuse.
///
/// Afterwards the bystander is served on, so is a newcomer, and the records are there: those and no others, also when
/// the directory is opened again.
func withSurvivor(
    limits: Limits = Limits(), _ body: (Survivor) async throws -> Void
) async throws {
    let directory = TemporaryDirectory.inMemory()
    let logs = LogLines()
    func configure(_ configuration: inout BrokerConfiguration) {
        configuration.logger = logs.makeLogger()
        configuration.log.logger = logs.makeLogger()
        configuration.limits = limits
    }
    try await withBroker(in: directory, configure: configure) { broker in
        let bystander = try await WireClient.connect(to: broker)
        try await bystander.create(Survivor.topic)
        let answer = try await bystander.produce(Batch("one", "two", "three"), to: Survivor.topic)
        #expect(answer.errorCode == .none)
        try await body(Survivor(broker: broker, logs: logs, client: WireClient.connect(to: broker)))
        #expect(try await bystander.values(in: Survivor.topic) == Survivor.values)
        #expect(try await WireClient.connect(to: broker).values(in: Survivor.topic) == Survivor.values)
    }
    let log = try EventLog.open(at: directory.path, options: .quiet)
    let partition = try #require(log.topic(Survivor.topic)?.partitions.first)
    #expect(try partition.read(from: .earliest).map(\.valueText) == Survivor.values)
    try log.close()
}

struct Survivor {
    static let topic = "kept"
    static let values: [String?] = ["one", "two", "three"]

    let broker: Broker
    let logs: LogLines
    /// Whose connection the test may lose.
    let client: WireClient

    /// Alters a setting of the broker.
    func alter(_ name: String, _ value: String, _ location: SourceLocation = #_sourceLocation) async throws {
        var request = IncrementalAlterConfigsRequest.changing("1", [(name, .set, value)])
        request.resources[0].resourceType = .broker
        let answer = try await client.change(request)
        #expect(answer.errorCode == .none, sourceLocation: location)
    }

    /// The connection was closed without an answer, and the log says so with `reason` in it.
    @discardableResult
    func expectClosed(because reason: String, _ location: SourceLocation = #_sourceLocation) async -> String {
        await client.expectClosed(location)
        let line = await logs.line(with: "a connection is closed")
        #expect(line.contains(reason), sourceLocation: location)
        #expect(line.contains("peer=127.0.0.1:"), "a line that does not say whose connection", sourceLocation: location)
        return line
    }
}

extension Limits {
    /// The limits of a broker, but for what `change` sets.
    static func with(_ change: (inout Limits) -> Void) -> Limits {
        var limits = Limits()
        change(&limits)
        return limits
    }
}

extension EventLogOptions {
    /// Says nothing.
    static var quiet: EventLogOptions {
        var options = EventLogOptions()
        options.logger = LogLines().makeLogger()
        return options
    }
}
