import Glibc
import KafkaClient
import LoadGenerator

/// The broker that is measured: one that is there, or a process that is started for it.
struct BenchBroker {
    let client: KafkaClient
    let address: BrokerAddress
    /// Its process, where it is one of this machine that this user may look into.
    let process: pid_t?
    /// Nobody else uses it.
    let isOwn: Bool

    /// Starts a broker where none is given, does the work, and leaves nothing behind.
    /// - Parameter settings: of a broker that is started, as of `--set`.
    static func with<R>(
        _ arguments: BenchBrokerArguments, settings: [String] = [], _ body: (BenchBroker) async throws -> R
    ) async throws -> R {
        if let broker = arguments.broker {
            return try await connect(to: broker) { client in
                let address = try BrokerAddress.list(parsing: broker)[0]
                let process = try isHere(address) ? ListenerSearch.process(port: address.port) : nil
                return try await body(BenchBroker(client: client, address: address, process: process, isOwn: false))
            }
        }
        let directory = try WorkDirectory(in: arguments.workDirectory)
        defer { directory.remove() }
        let child = try ChildBroker(
            arguments.martlet ?? ChildBroker.thisProgram, data: directory.path + "/data", settings: settings)
        do {
            let (place, process) = (child.address, child.process)
            let result = try await connect(to: place) { client in
                let address = try BrokerAddress(parsing: place)
                return try await body(BenchBroker(client: client, address: address, process: process, isOwn: true))
            }
            child.stop()
            return result
        } catch {
            child.stop()
            throw error
        }
    }

    private static func connect<R>(to broker: String, _ body: (KafkaClient) async throws -> R) async throws -> R {
        var options = ConnectionOptions()
        options.broker = broker
        return try await options.withClient(body)
    }

    private static func isHere(_ address: BrokerAddress) throws -> Bool {
        try LoadConnection(to: LoadAddress(address)).isToThisMachine
    }

    // MARK: The topic

    /// Creates a topic where none is given, and deletes it afterwards.
    func withTopic<R>(_ arguments: BenchBrokerArguments, _ body: (LoadTarget) async throws -> R) async throws -> R {
        if let topic = arguments.topic {
            do {
                return try await body(try await target(topic))
            } catch KafkaClientError.unknownTopic(topic) {
                throw Failure("there is no topic '\(topic)': create it, check its spelling, or leave --topic out")
            }
        }
        let name = "martlet-bench-" + String(UInt32.random(in: 0 ... .max), radix: 36)
        try await client.admin.createTopic(
            name, partitions: arguments.partitions ?? BenchBrokerArguments.partitionsDefault)
        do {
            let result = try await body(try await target(name))
            if !arguments.keep, !isOwn { try await client.admin.deleteTopic(name) }
            return result
        } catch {
            if !arguments.keep, !isOwn { try? await client.admin.deleteTopic(name) }
            throw error
        }
    }

    /// A topic as it is now. One that was created just now may have no leaders yet.
    func target(_ topic: String) async throws -> LoadTarget {
        for _ in 0..<50 {
            let description = try await client.admin.describePartitions(of: topic)
            let brokers = try await client.admin.describeCluster().brokers
            let places = description.partitions.compactMap { partition in
                brokers.first { $0.id == partition.leader }.map { broker in
                    LoadTarget.Partition(
                        index: Int32(clamping: partition.index), leader: LoadAddress(broker.address),
                        start: partition.logStart.value, end: partition.end.value)
                }
            }
            if places.count == description.partitions.count { return LoadTarget(topic: topic, partitions: places) }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw Failure("a partition of topic \(topic) has no leader: are all brokers of the cluster running?")
    }

    /// Writes records into a topic that is to be read.
    func fill(
        _ target: LoadTarget, _ payloads: Payloads, _ settings: ProducerSettings, records: Int
    ) async throws -> LoadTarget {
        var load = ProduceLoad(target, payloads, LoadAmount(warmup: 0, .records(records)))
        load.settings = settings
        load.connections = max(2, Set(target.partitions.map(\.leader)).count)
        let filling = load
        let tally = try await BenchThread.run("Filling the topic") { (watch) throws(LoadError) in try filling.run(watch)
        }
        if tally.wasInterrupted { throw Failure("it was interrupted", status: .interrupted) }
        return try await self.target(target.topic)
    }

    /// Bytes of a topic's record batches on the disks of all brokers; nil: they do not say.
    func diskBytes(of topic: String) async throws -> Int64? {
        let admin = client.admin
        do {
            let directories = try await admin.logDirectories()
            return Self.bytes(of: topic, in: directories)
        } catch {
            guard case .unsupportedByBroker = error else { throw error }
            return nil
        }
    }

    private static func bytes(of topic: String, in directories: [LogDirectory]) -> Int64 {
        var bytes: Int64 = 0
        for directory in directories {
            for (partition, size) in directory.sizes where partition.topic == topic { bytes += size }
        }
        return bytes
    }
}

extension LoadAddress {
    init(_ address: BrokerAddress) { self.init(host: address.host, port: address.port) }
}
