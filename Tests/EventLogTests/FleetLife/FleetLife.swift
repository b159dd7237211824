import TestSupport

@testable import EventLog

/// Thirty days of a fleet's log, as a seed draws them: telemetry by clocks that are off, settings that change, topics that
/// come and go, retention and compaction, committed offsets, closes, kills and power cuts. Beside it runs what must be
/// true of it: see `PartitionModel`.
final class FleetLife {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// A topic as it must be.
    struct TopicModel {
        let plan: FleetTopic
        var settings: TopicSettings
        var partitions: [PartitionModel]
        /// Creating or deleting it failed: the next life tells.
        var isUncertain = false
        /// Altering it failed: these, or the ones in force.
        var otherSettings: TopicSettings?
    }

    let log: any FleetLog
    let clock: FleetClock
    var random: SeededRandom
    let devices: FleetDevices
    var topics: [String: TopicModel] = [:]
    var logSettings = LogSettings()
    var commits: [String: [FleetPlace: Int64]] = [:]
    /// A commit that was not answered, and what it would be.
    var openCommit: (group: String, place: FleetPlace, offset: Int64)?
    var number = 0
    var producerCount: Int64 = 0
    var producers: [FleetPlace: FleetProducer] = [:]
    var lastNumbered: [FleetPlace: (records: [Record], producer: FleetProducer, base: Int64)] = [:]
    /// What happened so far, for whoever has to find out why.
    var events: [String] = []
    var counts = Counts()

    struct Counts {
        var acknowledged = 0, deletedByRetention = 0, compacted = 0, budgets = 0, failedPasses = 0, lives = 0
    }

    static let groups = ["analytics", "billing"]

    init(_ log: any FleetLog, _ clock: FleetClock, seed: UInt64) {
        self.log = log
        self.clock = clock
        random = SeededRandom(seed: seed)
        devices = FleetDevices(&random, withoutClock: true)
    }

    func run(days: Int, stepsADay: Int) throws {
        try begin()
        for topic in FleetTopic.all { try create(topic) }
        for day in 1...days {
            note("day \(day)")
            for _ in 0..<stepsADay {
                clock.advance(by: FleetClock.day / Int64(stepsADay))
                try takeStep()
            }
            try checkAll()
        }
        try rest()
    }

    func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
    func note(_ event: String) { events.append("\(clock.now / FleetClock.minute) \(event)") }

    // MARK: Lives

    func begin() throws {
        do { try log.open(logSettings) } catch { throw Failure(description: "it does not open: \(error)") }
        counts.lives += 1
        try settleTopics()
        try checkAll(isFresh: true)
    }

    func end(by ending: FleetEnding) throws {
        if case .powerCut = ending { note("power is cut") } else { note("killed") }
        log.end(by: ending)
        if case .powerCut = ending { for name in topics.keys { forEachPartition(of: name) { $0.powerWasCut() } } }
        try begin()
    }

    var powerCut: FleetEnding { .powerCut(seed: random.next()) }

    func closeAndOpen() throws {
        note("close and open")
        // Where it fails, nothing is known to be durable that was not before.
        try log.close()
        for name in topics.keys where !log.hasFailed { forEachPartition(of: name) { $0.settleDurable() } }
        try end(by: powerCut)
    }

    /// What became of changes that failed.
    func settleTopics() throws {
        for (name, topic) in topics.sorted(by: { $0.key < $1.key }) {
            let count = log.partitionCount(of: name)
            guard topic.isUncertain || count != nil else { throw Failure(description: "topic \(name) is gone") }
            topics[name]?.isUncertain = false
            if count == nil { forget(name) }
        }
        for plan in FleetTopic.all where topics[plan.name] == nil && log.partitionCount(of: plan.name) != nil {
            throw Failure(description: "topic \(plan.name) was deleted and is there")
        }
    }

    func forget(_ name: String) {
        topics[name] = nil
        for group in commits.keys { commits[group] = commits[group]?.filter { $0.key.topic != name } }
        producers = producers.filter { $0.key.topic != name }
        lastNumbered = lastNumbered.filter { $0.key.topic != name }
    }

    func forEachPartition(of name: String, _ body: (inout PartitionModel) -> Void) {
        for i in topics[name]?.partitions.indices ?? 0..<0 {
            guard var model = topics[name]?.partitions[i] else { return }
            body(&model)
            topics[name]?.partitions[i] = model
        }
    }

    // MARK: Steps

    func takeStep() throws {
        let trouble = chance(12)
        if trouble {
            let most = chance(30) ? 8 : 80
            log.plan(.powerCut, after: Int.random(in: 1...most, using: &random))
        }
        do { try step() } catch let failure as Failure { throw failure } catch let violation as PartitionModel.Violation
        {
            throw violation
        } catch {
            guard log.clearTroubles() else { throw Failure(description: "a step failed: \(error)") }
            note("it failed: \(error)")
            return try end(by: powerCut)
        }
        if log.clearTroubles() { try end(by: powerCut) }
    }

    func step() throws {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<53: for _ in 0..<Int.random(in: 1...4, using: &random) { try append() }
        case 53..<60: try retain()
        case 60..<69: try compact()
        case 69..<72: try deleteRecords()
        case 72..<77: try alter()
        case 77..<79: try recreate()
        case 79..<81: try alterLog()
        case 81..<86: try commit()
        case 86..<88: try log.checkpoint()
        case 88..<93: try failInAPass()
        case 93..<95: try closeAndOpen()
        case 95..<97: try end(by: .kill)
        case 97..<99: try end(by: powerCut)
        default: try checkAll()
        }
    }

    func pick() -> FleetPlace? {
        let places = topics.filter { !$0.value.isUncertain }.flatMap { name, topic in
            topic.partitions.indices.filter { topic.partitions[$0].open == nil }.map {
                FleetPlace(topic: name, partition: $0)
            }
        }
        return places.sorted().randomElement(using: &random)
    }

    func append() throws {
        guard let place = pick(), let topic = topics[place.topic] else { return }
        let count = Int.random(in: 1...24, using: &random)
        let records = devices.records(
            count, now: clock.now, number: &number, topic.plan.style, allHaveKeys: topic.settings.isCompacted, &random)
        let isLogTime = topic.settings.timestampType == .logAppendTime
        topics[place.topic]?.partitions[place.partition].send(records, appendTime: isLogTime ? clock.now : nil)
        let base = topic.partitions[place.partition].end
        note("append \(base)..<\(base + Int64(count)) to \(place)")
        let producer = chance(50) ? producers[place] ?? makeProducer() : nil
        // Who gets no answer does not know what number comes next.
        if producer != nil { producers[place] = nil }
        let answer = try log.append(records, producer, to: place)
        guard answer == .appended(at: base) else { throw Failure(description: "\(place): \(answer), not \(base)") }
        topics[place.topic]?.partitions[place.partition].acknowledge(topic.settings)
        counts.acknowledged += count
        guard let producer else { return }
        lastNumbered[place] = (records, producer, base)
        producers[place] = FleetProducer(id: producer.id, sequence: producer.sequence + Int32(count))
    }

    func makeProducer() -> FleetProducer {
        producerCount += 1
        return FleetProducer(id: 7000 + producerCount, sequence: 0)
    }

    func deleteRecords() throws {
        guard let place = pick(), let model = topics[place.topic]?.partitions[place.partition] else { return }
        let offset =
            chance(15) ? model.end : Int64.random(in: model.start...(model.start + model.end) / 2, using: &random)
        note("delete before \(offset) of \(place)")
        topics[place.topic]?.partitions[place.partition].mayDelete(before: offset)
        try log.deleteRecords(before: offset, of: place)
        let view = try check(place)
        guard view.start == max(offset, model.start) else {
            throw Failure(description: "\(place) starts at \(view.start), not at \(offset)")
        }
        topics[place.topic]?.partitions[place.partition].settleStart()
    }

    func alter() throws {
        guard let place = pick(), let topic = topics[place.topic] else { return }
        let settings = try settings(of: topic.plan)
        note("alter \(place.topic): \(settings.overrides.map { "\($0.name)=\($0.value)" }.joined(separator: " "))")
        // What happens to it before the change is in force, and after, both may be seen where it fails.
        forEachPartition(of: place.topic) { $0.settingsChanged(from: topic.settings, to: settings) }
        topics[place.topic]?.otherSettings = settings
        try log.alter(place.topic, settings)
        topics[place.topic]?.settings = settings
        topics[place.topic]?.otherSettings = nil
    }

    func settings(of plan: FleetTopic) throws -> TopicSettings {
        var pairs = ["segment.bytes": "16384", "compression.type": chance(50) ? "lz4" : "producer"]
        pairs["index.interval.bytes"] = ["0", "500", "4096"].randomElement(using: &random)
        return try TopicSettings(pairs.merging(plan.settings.randomElement(using: &random) ?? [:]) { $1 })
    }

    func create(_ plan: FleetTopic) throws {
        let settings = try settings(of: plan)
        note("create \(plan.name): \(settings.overrides.map { "\($0.name)=\($0.value)" }.joined(separator: " "))")
        let partitions = Array(repeating: PartitionModel(), count: plan.partitions)
        topics[plan.name] = TopicModel(plan: plan, settings: settings, partitions: partitions, isUncertain: true)
        try log.createTopic(plan.name, partitions: plan.partitions, settings)
        topics[plan.name]?.isUncertain = false
    }

    /// Deletes a topic and makes it anew, or makes one that is missing.
    func recreate() throws {
        if let missing = FleetTopic.all.first(where: { topics[$0.name] == nil }) { return try create(missing) }
        guard let place = pick(), let plan = topics[place.topic]?.plan else { return }
        note("delete \(place.topic)")
        topics[place.topic]?.isUncertain = true
        try log.deleteTopic(place.topic)
        forget(place.topic)
        guard log.partitionCount(of: place.topic) == nil else { throw Failure(description: "\(place.topic) is there") }
        if chance(70) { try create(plan) }
    }

    func alterLog() throws {
        var settings = LogSettings()
        if chance(60) {
            try settings.set(
                "retention.total.bytes", to: "\((1 << 20) + Int.random(in: 150_000...500_000, using: &random))")
        }
        note("log settings \(settings.overrides)")
        logSettings = settings
        try log.apply(settings)
    }

    func commit() throws {
        guard let place = pick(), let topic = topics[place.topic], let group = Self.groups.randomElement(using: &random)
        else { return }
        let offset = Int64.random(in: 0...topic.partitions[place.partition].end, using: &random)
        note("commit \(offset) by \(group) in \(place)")
        openCommit = (group, place, offset)
        try log.commit(offset, by: group, of: place)
        commits[group, default: [:]][place] = offset
        openCommit = nil
    }
}
