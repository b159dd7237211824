import Storage
import TestSupport

@testable import EventLog

/// The event log on a simulated disk.
final class DiskLog: FleetLog {
    private let clock: FleetClock
    private var disk = SimulatedDisk()
    private var log: EventLog?
    private var isForgotten = false

    init(_ clock: FleetClock) { self.clock = clock }

    private func opened() throws -> EventLog {
        guard let log else { throw LogError.closed }
        return log
    }

    private func partition(_ place: FleetPlace) throws -> Partition {
        guard let partition = try opened().topic(place.topic)?.partition(place.partition) else {
            throw LogError.unknownTopic(place.topic)
        }
        return partition
    }

    // MARK: Lives

    func open(_ settings: LogSettings) throws {
        let options = quietOptions { [clock, disk] options in
            options.environment.fileSystem = disk
            options.runsHousekeeping = false
            options.settings = settings
            options.environment.now = { Timestamp(milliseconds: clock.now) }
        }
        log = try EventLog.open(at: "/data", options: options)
    }

    func close() throws {
        try opened().close()
        log = nil
    }

    func end(by ending: FleetEnding) {
        switch ending {
        case .kill: disk = disk.kill()
        case .powerCut(let seed): disk = disk.crash(seed: seed)
        }
        log = nil
        isForgotten = false
    }

    func plan(_ trouble: FleetTrouble, after operations: Int) {
        let kind: SimulatedDisk.Fault.Kind =
            switch trouble {
            case .powerCut: .powerCut
            case .error(let code): .error(code)
            }
        isForgotten = false
        disk.add(SimulatedDisk.Fault(at: disk.operations + operations, kind))
    }

    func clearTroubles() -> Bool {
        disk.clearFaults()
        return hasFailed
    }

    var hasFailed: Bool { disk.hadFault && !isForgotten }

    func forgetTroubles() {
        disk.clearFaults()
        isForgotten = true
    }

    var isSound: Bool { disk.hasPower && (log?.topics ?? []).flatMap(\.partitions).allSatisfy(isSound) }

    private func isSound(_ partition: Partition) -> Bool {
        // Where a sync has failed there are no checkpoints any more; or an exchange waits for the log to be opened again.
        let hasCheckpoints = (try? partition.checkpointer?.checkSound()) != nil
        return hasCheckpoints && partition.failure == nil && partition.needsSettling(to: Offset(.max))
    }

    // MARK: Topics

    func createTopic(_ name: String, partitions: Int, _ settings: TopicSettings) throws {
        try opened().createTopic(name, partitions: partitions, settings: settings)
    }

    func deleteTopic(_ name: String) throws { try opened().deleteTopic(name) }
    func alter(_ name: String, _ settings: TopicSettings) throws { try opened().topic(name)?.alter(settings) }
    func apply(_ settings: LogSettings) throws { try opened().apply(settings) }
    func partitionCount(of topic: String) -> Int? { log?.topic(topic)?.partitions.count }
    func settings(of topic: String) -> TopicSettings? { log?.topic(topic)?.settings }

    // MARK: Records

    func append(_ records: [Record], _ producer: FleetProducer?, to place: FleetPlace) throws -> FleetAnswer {
        let partition = try partition(place)
        guard let producer else { return .appended(at: try partition.append(contentsOf: records).lowerBound.value) }
        var builder = RecordBatchBuilder(compression: partition.settings.compression == .lz4 ? .lz4 : .none)
        for record in records { builder.append(record, defaultTimestamp: .none) }
        try builder.finish(producer: (id: producer.id, epoch: 0, baseSequence: producer.sequence))
        let outcome = try builder.withUnsafeBytes { bytes in
            partition.append(bytes, header: try RecordBatchHeader(parsing: bytes.bytes))
        }
        switch outcome {
        case .accepted(let ticket):
            partition.committer.waitLeading(for: ticket.round)
            if let failure = partition.outcome(of: ticket) { throw failure }
            return .appended(at: ticket.baseOffset.value)
        case .duplicate(let ticket): return .duplicate(of: ticket.baseOffset.value)
        case .rejected(let error): throw error
        case .full: throw FleetLife.Failure(description: "no room for one batch")
        }
    }

    func deleteRecords(before offset: Int64, of place: FleetPlace) throws {
        try partition(place).deleteRecords(before: Offset(offset))
    }

    func checkpoint() throws { try opened().checkpoint() }
    func retain() { log?.retainNow() }
    func compact() { _ = log?.compactNow() }

    // MARK: Reading

    func view(of place: FleetPlace) throws -> FleetView {
        let partition = try partition(place)
        var records: [SeenRecord] = []
        try partition.scan(from: .earliest) { record in
            let stored = record.makeStoredRecord()
            records.append(
                SeenRecord(
                    Record(
                        key: stored.key, value: stored.value, headers: stored.headers, timestamp: stored.timestamp),
                    at: stored.offset.value, time: nil))
            return true
        }
        return FleetView(
            start: partition.logStart.value, end: partition.end.value, records: records, segments: segments(of: place))
    }

    private func directory(_ place: FleetPlace) -> String { "/data/\(place.topic)-\(place.partition)" }

    private func segments(of place: FleetPlace) -> [SegmentOnDisk] {
        let directory = directory(place)
        let names = (try? disk.list(directory)) ?? []
        return names.filter { $0.hasSuffix(".log") }.sorted().compactMap { name in
            let base = name.dropLast(4)
            let bytes = size("\(directory)/\(name)")
            let indexes = size("\(directory)/\(base).index") + size("\(directory)/\(base).timeindex")
            return Int64(base).map { SegmentOnDisk(base: $0, bytes: bytes, bytesInAll: bytes + indexes) }
        }
    }

    private func size(_ path: String) -> Int { disk.contents(path)?.count ?? 0 }

    func record(from offset: Int64, of place: FleetPlace) throws -> Int64? {
        try partition(place).read(from: .offset(Offset(offset)), maxRecords: 1).first?.offset.value
    }

    func offset(at time: Int64, of place: FleetPlace) throws -> Int64? {
        try partition(place).offset(at: Timestamp(milliseconds: time))?.offset.value
    }

    func latestOffset(of place: FleetPlace) throws -> Int64? {
        try partition(place).maxTimestampOffset()?.offset.value
    }

    func commit(_ offset: Int64, by group: String, of place: FleetPlace) throws {
        try opened().group(group).commit(Offset(offset), in: partition(place))
    }

    func committed(by group: String, of place: FleetPlace) throws -> Int64? {
        try opened().group(group).committed(in: partition(place))?.offset.value
    }

    func usage() -> FleetUsage {
        var usage = FleetUsage()
        for topic in log?.topics ?? [] {
            let places = topic.partitions.map { FleetPlace(topic: topic.name, partition: $0.index) }
            usage.topics[topic.name] = places.flatMap(segments).reduce(0) { $0 + $1.bytesInAll }
        }
        usage.total = usage.topics.values.reduce(0, +) + size("/data/journal")
        return usage
    }
}
