import ArgumentParser
import Broker
import EventLog
import Logging
import ServiceLifecycle
import Storage
import UnixSignals

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs a broker that Kafka clients talk to.",
        discussion: """
            Listens on this machine only unless --listen says otherwise: there is no authentication yet. SIGTERM and \
            SIGINT stop it cleanly: answers under way are given, everything is made durable.

            EXAMPLES
              martlet serve
              martlet serve --data /var/lib/martlet
              martlet serve --listen 0.0.0.0:9092 --advertise log.example.org:9092
              martlet serve --auto-create-partitions 0
              martlet serve --set offsets.retention.minutes=10080
            """)

    @Option(name: [.short, .long], help: ArgumentHelp("The data directory, created where missing.", valueName: "path"))
    var data = "martlet-data"

    @Option(
        help: ArgumentHelp(
            "Where to listen; port 0: any that is free. (default: 127.0.0.1:9092)", valueName: "host:port"),
        transform: Self.address)
    var listen = HostPort(host: "127.0.0.1", port: 9092)

    @Option(
        help: ArgumentHelp(
            "What clients are told to connect to; the address that they came to if not given.", valueName: "host:port"),
        transform: Self.address)
    var advertise: HostPort?

    @Option(help: ArgumentHelp("Partitions of a topic that is created by its first use; 0: none is.", valueName: "n"))
    var autoCreatePartitions = 4

    @Option(
        help: ArgumentHelp(
            "A setting of consumer groups by Kafka's name; may be given more than once.", valueName: "name=value"))
    var set: [String] = []

    @Flag(
        help: """
            Starts although the journal is missing, damaged or another directory's. What only the journal held is lost.
            """)
    var acceptJournalLoss = false

    @Option(help: ArgumentHelp("\(Self.logLevels) (default: info)", valueName: "level"), transform: Self.logLevel)
    var logLevel = Logger.Level.info

    private static let logLevels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")

    private static func logLevel(_ text: String) throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: text) else {
            throw ValidationError("'\(text)' is no level: give one of \(logLevels)")
        }
        return level
    }

    static func address(_ text: String) throws -> HostPort {
        guard let address = HostPort(text) else {
            throw ValidationError("'\(text)' is no address: give HOST:PORT, such as 127.0.0.1:9092 or [::1]:9092")
        }
        return address
    }

    func validate() throws {
        if data.isEmpty { throw ValidationError("--data is empty: give a directory") }
        guard (0...EventLog.partitionsMax).contains(autoCreatePartitions) else {
            throw ValidationError("--auto-create-partitions takes 0 to \(EventLog.partitionsMax)")
        }
        _ = try groupSettings()
        if let advertise, advertise.port == 0 { throw ValidationError("--advertise needs the port that clients use") }
    }

    func run() async throws {
        let clock = ContinuousClock()
        let start = clock.now
        OpenFileLimit.raise()
        var logger = Logger(label: "martlet") { label in StreamLogHandler.standardError(label: label) }
        logger.logLevel = logLevel
        if !listen.isLoopback {
            logger.warning(
                "listening on \(listen): there is no authentication, whoever reaches this address has all data")
        }
        let broker = try await Broker.start(try configuration(logger))
        let milliseconds = start.duration(to: clock.now).milliseconds.rounded(toPlaces: 1)
        var out = StandardOutput()
        try out.writeLine(
            "martlet \(Martlet.version) listens on \(broker.address), data in \(data), ready in \(milliseconds) ms")
        try out.flush()
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [BrokerService(broker: broker, logger: logger)],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        )
        try await group.run()
    }

    private func groupSettings() throws -> GroupSettings {
        var settings = GroupSettings()
        for text in set {
            guard let equals = text.firstIndex(of: "=") else {
                throw ValidationError("--set takes NAME=VALUE, not '\(text)'")
            }
            do throws(LogError) {
                try settings.set(String(text[..<equals]), to: String(text[text.index(after: equals)...]))
            } catch {
                throw ValidationError("--set: \(error)")
            }
        }
        if let problem = settings.problem { throw ValidationError("--set: \(problem)") }
        return settings
    }

    private func configuration(_ logger: Logger) throws -> BrokerConfiguration {
        var configuration = BrokerConfiguration(dataDirectory: data)
        configuration.groups = try groupSettings()
        configuration.listen = listen
        configuration.advertise = advertise
        configuration.autoCreatePartitions = autoCreatePartitions == 0 ? nil : autoCreatePartitions
        configuration.logger = logger
        configuration.log.logger = logger
        configuration.log.acceptsJournalLoss = acceptJournalLoss
        return configuration
    }
}

/// Runs until it is asked to stop, then stops the broker.
private struct BrokerService: Service {
    let broker: Broker
    let logger: Logger

    func run() async throws {
        try? await gracefulShutdown()
        logger.info("stopping: answers under way are given, then everything is made durable")
        try await broker.stop()
        logger.info("stopped: everything is durable")
    }
}
