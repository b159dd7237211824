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
              martlet serve --config martlet.toml
              martlet serve --set log.retention.ms=7d --set retention.total.bytes=80GiB
            """)

    static let dataDefault = "martlet-data"
    private static let listenDefault = HostPort(host: "127.0.0.1", port: 9092)

    @Option(
        help: ArgumentHelp(
            "A configuration file, see docs/SETTINGS.md; flags go over what it says.", valueName: "path"))
    var config: String?

    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "The data directory, created where missing. (default: \(dataDefault))", valueName: "path"))
    var data: String?

    @Option(
        help: ArgumentHelp(
            "Where to listen; port 0: any that is free. (default: 127.0.0.1:9092)", valueName: "host:port"),
        transform: Self.address)
    var listen: HostPort?

    @Option(
        help: ArgumentHelp(
            "What clients are told to connect to; the address that they came to if not given.", valueName: "host:port"),
        transform: Self.address)
    var advertise: HostPort?

    @Option(
        help: ArgumentHelp(
            "Partitions of a topic that is created by its first use; 0: none is. (default: 4)", valueName: "n"))
    var autoCreatePartitions: Int?

    @Option(
        help: ArgumentHelp(
            """
            How much room records leave on the disk, 0: none: below it they are refused. (default: 5 % of it, at most 1GiB)
            """, valueName: "size"))
    var minFreeBytes: String?

    @Option(
        help: ArgumentHelp(
            "A setting of the broker ('martlet config list'); may be given more than once.", valueName: "name=value"))
    var set: [SettingArgument] = []

    @Flag(
        help: """
            Starts although the journal is missing, damaged or another directory's. What only the journal held is lost.
            """)
    var acceptJournalLoss = false

    @Flag(
        help: """
            Starts although a partition's checkpoint is missing or damaged, by what its segments hold. Records that were \
            deleted may be there again.
            """)
    var acceptCheckpointLoss = false

    @Option(help: ArgumentHelp("\(Self.logLevels) (default: info)", valueName: "level"), transform: Self.logLevel)
    var logLevel: Logger.Level?

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
        if data?.isEmpty == true { throw ValidationError("--data is empty: give a directory") }
        if let autoCreatePartitions, !(0...EventLog.partitionsMax).contains(autoCreatePartitions) {
            throw ValidationError("--auto-create-partitions takes 0 to \(EventLog.partitionsMax)")
        }
        if let advertise, advertise.port == 0 { throw ValidationError("--advertise needs the port that clients use") }
        do throws(LogError) {
            var settings = BrokerSettings()
            for setting in try given() { try settings.set(setting.name, to: setting.value) }
            if config == nil { try settings.check() }
        } catch {
            throw ValidationError("\(error)")
        }
    }

    func run() async throws {
        let clock = ContinuousClock()
        let start = clock.now
        OpenFileLimit.raise()
        ProcessMemory.mapLargeBlocks()
        var logger = Logger(label: "martlet") { label in StreamLogHandler.standardError(label: label) }
        let file = try readFile()
        logger.logLevel = logLevel ?? file?.logLevel ?? .info
        let configuration = configuration(file, logger)
        if let file, let path = config {
            let disk = ConfigCheck.diskBytes(of: configuration.dataDirectory)
            for warning in file.warnings(diskBytes: disk) { logger.warning("\(warning.line(in: path))") }
        }
        let listen = configuration.listen
        if !listen.isLoopback {
            logger.warning(
                "listening on \(listen): there is no authentication, whoever reaches this address has all data")
        }
        let broker = try await Broker.start(configuration)
        // Before anyone is told that it is there: a signal that comes at once stops it in order, too.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let milliseconds = start.duration(to: clock.now).milliseconds.rounded(toPlaces: 1)
        var out = StandardOutput()
        try out.writeLine(
            "martlet \(Martlet.version) listens on \(broker.address), data in \(configuration.dataDirectory), ready in \(milliseconds) ms"
        )
        try out.flush()
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [BrokerService(broker: broker, logger: logger)], logger: logger))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { for await _ in signals { await group.triggerGracefulShutdown() } }
            try await group.run()
            tasks.cancelAll()
        }
    }

    /// What `--set` and flags of its kind say, as a broker takes it.
    private func given() throws(LogError) -> [SettingOverride] {
        var settings: [SettingOverride] = []
        for (name, text) in set.map({ ($0.name, $0.value) }) + (minFreeBytes.map { [("min.free.bytes", $0)] } ?? []) {
            do {
                settings.append(SettingOverride(name: name, value: try SettingValue.wire(name, text)))
            } catch {
                throw .invalidSetting(name: name, value: text, reason: "\(error)")
            }
        }
        return settings
    }

    /// What a broker is started with. Throws where the file cannot be used.
    func brokerConfiguration() throws -> BrokerConfiguration { configuration(try readFile(), Logger(label: "martlet")) }

    private func readFile() throws -> ConfigFile? { try config.map { try ConfigFile(readingAt: $0) } }

    private func configuration(_ file: ConfigFile?, _ logger: Logger) -> BrokerConfiguration {
        var configuration = BrokerConfiguration(dataDirectory: data ?? file?.data ?? Self.dataDefault)
        configuration.listen = listen ?? file?.listen ?? Self.listenDefault
        configuration.advertise = advertise ?? file?.advertise
        configuration.settings = file?.settings ?? []
        if let count = autoCreatePartitions ?? file?.autoCreatePartitions {
            configuration.autoCreatePartitions = count == 0 ? nil : count
        }
        if autoCreatePartitions != nil {
            // The flag goes over what the file says by the broker's names.
            configuration.settings.removeAll { ["auto.create.topics.enable", "num.partitions"].contains($0.name) }
        }
        // They were tried by `validate`.
        configuration.settings += (try? given()) ?? []
        configuration.logger = logger
        configuration.log.logger = logger
        configuration.log.acceptsJournalLoss = acceptJournalLoss
        configuration.log.acceptsCheckpointLoss = acceptCheckpointLoss
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
