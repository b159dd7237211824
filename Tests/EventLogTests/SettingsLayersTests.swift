import Storage
import TestSupport
import Testing

@testable import EventLog

/// What a topic has: its own settings, over the log's defaults, over what the program says.
@Suite struct SettingsLayersTests {
    private let directory = TemporaryDirectory()

    private func open() throws -> EventLog { try EventLog.open(at: directory.path, options: quietOptions()) }

    private func overrides(_ pairs: KeyValuePairs<String, String>) -> [SettingOverride] {
        pairs.map { SettingOverride(name: $0.key, value: $0.value) }
    }

    @Test func aTopicHasTheLogsDefaultsWhereItSetsNothing() throws {
        let log = try open()
        let old = try log.createTopic("old", settings: settings(["retention.bytes": "5"]))
        try log.alterTopicDefaults(overrides(["retention.ms": "1000", "retention.bytes": "+7"]))
        let new = try log.createTopic("new")
        for topic in [old, new] { #expect(topic.settings.retentionMilliseconds == 1000) }
        #expect(old.settings.retentionBytes == 5)
        #expect(new.settings.retentionBytes == 7)
        #expect(old.partitions[0].settings == old.settings)
        // As it is written, and in order of name.
        #expect(try log.topicDefaults() == overrides(["retention.bytes": "7", "retention.ms": "1000"]))
        #expect(new.settings.overrides == [])
        // A default that is gone is gone from all of them.
        try log.alterTopicDefaults(overrides(["retention.ms": "2000"]))
        #expect(new.settings.retentionBytes == nil)
        #expect(old.settings.retentionMilliseconds == 2000)
        try log.close()
    }

    @Test func theDefaultsOutliveTheLogAndHoldWhileItIsOpened() throws {
        let log = try open()
        try log.createTopic("t", settings: settings(["retention.ms": "5"]))
        try log.alterTopicDefaults(overrides(["flush.messages": "1000", "retention.ms": "7"]))
        let partition = try #require(log.topic("t")).partitions[0]
        // The topic skips the journal now: opening finds these in the segments, if it knows of the default.
        for i in 0..<5 { try partition.append(Record(value: "value \(i)")) }
        let left = try directory.copy()
        let reopened = try EventLog.open(at: left.path, options: quietOptions())
        let topic = try #require(reopened.topic("t"))
        #expect(topic.settings.flushMessages == 1000)
        #expect(topic.settings.retentionMilliseconds == 5)
        #expect(try topic.partitions[0].values() == (0..<5).map { "value \($0)" })
        var own = topic.settings
        try own.unset("retention.ms")
        try topic.alter(own)
        #expect(topic.settings.retentionMilliseconds == 7)
        try reopened.close()
        try log.close()
    }

    @Test func aTopicThatIsNotToSyncByTimeIsAcknowledgedByTheJournalWhateverTheDefault() throws {
        let log = try open()
        try log.alterTopicDefaults(overrides(["flush.ms": "500"]))
        let topic = try log.createTopic("t", settings: settings(["flush.ms": "9223372036854775807"]))
        #expect(topic.settings.flushMilliseconds == nil)
        #expect(topic.settings.isJournaled)
        try log.close()
    }

    @Test("it does not matter which of two settings was set first", arguments: [false, true])
    func order(isReversed: Bool) throws {
        let pairs = [("flush.messages", "1"), ("flush.ms", "500")]
        var settings = TopicSettings()
        for (name, value) in isReversed ? pairs.reversed() : pairs {
            // As a broker's defaults are assigned, which note nothing of what was set before.
            let definition = try #require(TopicSettings.all.first { $0.name == name })
            #expect(definition.assign(&settings, value) == nil)
        }
        #expect(settings.isJournaled && settings.flushMilliseconds == 500)
    }

    @Test func aDefaultMayChangeHowTopicsBecomeDurableWhileRecordsComeIn() async throws {
        let log = try open()
        let topics = try (0..<3).map { try log.createTopic("t\($0)") }
        let writers = topics.map { topic in
            Task { for i in 0..<100 { _ = try await topic.partitions[0].append(Record(value: "value \(i)")) } }
        }
        for i in 0..<6 { try log.alterTopicDefaults(i % 2 == 0 ? overrides(["flush.ms": "500"]) : []) }
        for writer in writers { try await writer.value }
        let left = try directory.copy()
        let reopened = try EventLog.open(at: left.path, options: quietOptions())
        for topic in reopened.topics {
            #expect(try topic.partitions[0].values() == (0..<100).map { "value \($0)" })
        }
        try reopened.close()
        try log.close()
    }

    @Test func committedOffsetsDependOnNoDefault() throws {
        let log = try open()
        try log.alterTopicDefaults(overrides(["flush.messages": "1000", "retention.ms": "1"]))
        let topic = try log.createTopic(ConsumerOffsets.topicName)
        #expect(topic.settings.isJournaled)
        #expect(topic.settings.retentionMilliseconds == nil)
        try log.alterTopicDefaults(overrides(["retention.ms": "2"]))
        try log.close()
        let reopened = try open()
        #expect(try #require(reopened.topic(ConsumerOffsets.topicName)).settings.defaults == [])
        try reopened.close()
    }

    @Test func whoSaysHowOftenToSyncIsNotOverruledByTheOtherLayer() throws {
        let log = try open()
        try log.alterTopicDefaults(overrides(["flush.messages": "1", "flush.ms": "100"]))
        #expect(try log.createTopic("both").settings.isJournaled)
        #expect(try log.createTopic("own", settings: settings(["flush.ms": "5"])).settings.isJournaled)
        try log.alterTopicDefaults(overrides(["flush.ms": "100"]))
        #expect(try log.createTopic("time").settings.isJournaled == false)
        #expect(try log.createTopic("count", settings: settings(["flush.messages": "1"])).settings.isJournaled)
        try log.close()
    }

    // MARK: What is refused

    @Test func settingsThatContradictEachOtherAreRefusedInEveryLayer() throws {
        let log = try open()
        let contradicting = try settings(["min.compaction.lag.ms": "100", "max.compaction.lag.ms": "50"])
        func expectRefusal(_ what: String, _ body: () throws -> Void) {
            let error = #expect(throws: LogError.self, performing: body)
            guard case .invalidSetting("max.compaction.lag.ms", "50", let reason)? = error else {
                Issue.record("\(what): \(String(describing: error))")
                return
            }
            #expect(reason.contains("give a smaller min.compaction.lag.ms"), "\(what)")
        }
        expectRefusal("create") { try log.createTopic("t", settings: contradicting) }
        #expect(log.topics.isEmpty)
        let topic = try log.createTopic("t")
        expectRefusal("alter") { try topic.alter(contradicting) }
        expectRefusal("check") { _ = try log.checked(contradicting, ofTopic: "t") }
        expectRefusal("defaults") {
            try log.alterTopicDefaults(overrides(["min.compaction.lag.ms": "100", "max.compaction.lag.ms": "50"]))
        }
        try topic.alter(settings(["max.compaction.lag.ms": "50"]))
        let default100 = overrides(["min.compaction.lag.ms": "100"])
        expectRefusal("a default against a topic") { try log.alterTopicDefaults(default100) }
        expectRefusal("the same, not done") { try log.checkTopicDefaults(default100) }
        #expect(try log.topicDefaults() == [])
        #expect(topic.settings.compactionLagMilliseconds == 0)
        try topic.alter(settings([:]))
        try log.alterTopicDefaults(default100)
        expectRefusal("a topic against a default") {
            try topic.alter(settings(["max.compaction.lag.ms": "50"]))
        }
        try log.close()
    }

    @Test func aDefaultThatIsNoSettingIsRefused() throws {
        let log = try open()
        #expect(throws: LogError.self) { try log.alterTopicDefaults(overrides(["retention.hours": "1"])) }
        #expect(throws: LogError.self) { try log.alterTopicDefaults(overrides(["retention.ms": "soon"])) }
        #expect(throws: LogError.self) { try log.checkTopicDefaults(overrides(["retention.ms": "-2"])) }
        #expect(try log.topicDefaults() == [])
        try log.close()
    }

    // MARK: The directory's own

    @Test func theDirectorysSettingsHoldAtOnceAndAreNotStored() throws {
        var options = quietOptions()
        try options.settings.set("retention.total.bytes", to: "100")
        let log = try EventLog.open(at: directory.path, options: options)
        #expect(log.settings.retentionTotalBytes == 100)
        var settings = log.settings
        try settings.set("retention.total.bytes", to: "200")
        log.apply(settings)
        #expect(log.settings.retentionTotalBytes == 200)
        try log.close()
        let reopened = try open()
        #expect(reopened.settings == LogSettings())
        try reopened.close()
    }

    @Test func settingsAreKeptForWhoeverOpensTheLog() throws {
        let log = try open()
        #expect(try log.storedSettings() == [])
        // Whatever they are: the order, names that are there twice, empty texts.
        let stored = overrides(["b": "1", "a": "", "b": "ü"])
        try log.store(stored)
        try log.createTopic("t")
        #expect(try log.storedSettings() == stored)
        let long = String(repeating: "x", count: Int(UInt16.max) + 1)
        #expect(throws: LogError.self) { try log.store(overrides(["a": .init(long)])) }
        #expect(throws: LogError.self) { try log.store(overrides([long: "a"])) }
        let many = [SettingOverride](repeating: SettingOverride(name: "a", value: ""), count: Int(UInt16.max) + 1)
        #expect(throws: LogError.self) { try log.store(many) }
        let left = try directory.copy()
        let reopened = try EventLog.open(at: left.path, options: quietOptions())
        #expect(try reopened.storedSettings() == stored)
        try reopened.store([])
        try reopened.close()
        let again = try EventLog.open(at: left.path, options: quietOptions())
        #expect(try again.storedSettings() == [])
        try again.close()
        try log.close()
        #expect(throws: LogError.closed) { try log.store([]) }
    }

    @Test("power is lost at any operation of a change of defaults and stored settings")
    func powerCuts() throws {
        func run(_ disk: SimulatedDisk) -> Int {
            guard let log = try? EventLog.open(at: "/data", options: quietOptions { $0.environment.fileSystem = disk }),
                (try? log.createTopic("t")) != nil
            else { return 0 }
            for i in 1...3 {
                let value = SettingOverride(name: "retention.ms", value: "\(i)")
                guard (try? log.store([value])) != nil else { return 2 * i - 1 }
                guard (try? log.alterTopicDefaults([value])) != nil else { return 2 * i }
            }
            return 7
        }
        let whole = SimulatedDisk()
        #expect(run(whole) == 7)
        for cut in 1...whole.operations {
            let disk = SimulatedDisk()
            disk.add(SimulatedDisk.Fault(at: cut, .powerCut))
            let reached = run(disk)
            let log = try EventLog.open(
                at: "/data", options: quietOptions { $0.environment.fileSystem = disk.crash(seed: UInt64(cut)) })
            let values = try [log.storedSettings(), log.topicDefaults()].map { Int($0.first?.value ?? "0") ?? 0 }
            // What returned holds; what did not may.
            let (stored, defaults) = (reached / 2, max(0, (reached - 1) / 2))
            #expect([stored, stored + reached % 2].contains(values[0]), "cut at \(cut) after \(reached)")
            #expect([defaults, defaults + 1].contains(values[1]), "cut at \(cut) after \(reached)")
            if let topic = log.topic("t") { #expect(topic.settings.retentionMilliseconds ?? 0 == Int64(values[1])) }
            try log.close()
        }
    }

    @Test func aCatalogueOfAnOlderVersionIsRead() throws {
        let log = try open()
        try log.createTopic("t", settings: settings(["segment.bytes": "20000"]))
        try log.close()
        // Version 2 ends with the topics.
        var old = FieldWriter()
        let body = try Array(directory.contents(of: "catalogue")[TopicCatalogue.headerSize...].dropLast(4))
        old.add(TopicCatalogue.magic)
        old.add(UInt32(2))
        old.add(crc32c(body[...]))
        try directory.write(old.bytes + body, to: "catalogue")
        let reopened = try open()
        #expect(try #require(reopened.topic("t")).settings.segmentBytes == 20000)
        #expect(try reopened.topicDefaults() == [])
        try reopened.close()
        #expect(try directory.contents(of: "catalogue")[11] == 3)
    }
}
