package import Broker
internal import EventLog
internal import Logging
package import TestSupport

/// A broker on a directory of its own, for the time of a test.
package func withBroker<R>(
    in directory: TemporaryDirectory = .inMemory(), port: Int = 0,
    configure: (inout BrokerConfiguration) -> Void = { _ in },
    _ body: (Broker) async throws -> R
) async throws -> R {
    var configuration = BrokerConfiguration(dataDirectory: directory.path)
    configuration.listen = HostPort(host: "127.0.0.1", port: port)
    configuration.loopCount = 1
    configuration.logger = LogLines().makeLogger()
    configuration.log.logger = configuration.logger
    configuration.log.journalBytesInitial = 1 << 20
    configuration.log.journalBytesMax = 16 << 20
    // Where hundreds of tests run at once, a client may take its time.
    configuration.limits.firstRequestMilliseconds = 600_000
    configure(&configuration)
    if BrokerSeats.isSeated { return try await run(configuration, body) }
    await BrokerSeats.shared.take()
    do {
        let result = try await BrokerSeats.$isSeated.withValue(true) { try await run(configuration, body) }
        await BrokerSeats.shared.give()
        return result
    } catch {
        await BrokerSeats.shared.give()
        throw error
    }
}

private func run<R>(_ configuration: BrokerConfiguration, _ body: (Broker) async throws -> R) async throws -> R {
    let broker = try await start(configuration)
    do {
        let result = try await body(broker)
        try await broker.stop()
        return result
    } catch {
        try? await broker.stop()
        throw error
    }
}

/// A process that another test starts may hold a copy of a socket for a moment: a port that was chosen is waited for.
private func start(_ configuration: BrokerConfiguration) async throws -> Broker {
    for _ in 0..<300 where configuration.listen.port != 0 {
        do {
            return try await Broker.start(configuration)
        } catch let error as BrokerError where "\(error)".contains("in use") {
            try await Task.sleep(for: .milliseconds(100))
        }
    }
    return try await Broker.start(configuration)
}
