import Storage
import TestSupport
import Testing

@testable import EventLog

@Suite struct TopicTests {
    let directory = TemporaryDirectory()

    @Test func topicsOutliveTheirLogWithIdsAndSettings() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let a = try log.createTopic(
            "a", partitions: 2, settings: settings(["segment.bytes": "20000", "flush.messages": "5"]))
        try log.createTopic("b.c_d-E9")
        try a.addPartitions(to: 5)
        try a.alter(settings(["max.message.bytes": "777"]))
        let id = a.id
        try log.close()
        let reopened = try EventLog.open(at: directory.path, options: quietOptions())
        #expect(reopened.topics.map(\.name) == ["a", "b.c_d-E9"])
        let again = try #require(reopened.topic("a"))
        #expect(again.id == id)
        #expect(reopened.topic(id: id) === again)
        #expect(again.partitions.map(\.index) == [0, 1, 2, 3, 4])
        #expect(again.settings.overrides.map(\.name) == ["max.message.bytes"])
        #expect(again.settings.batchBytesMax == 777)
        #expect(log.directoryID == reopened.directoryID)
        try reopened.close()
    }

    @Test func settingsAreKeptAsTheyAreInForceNotAsTheyWereSaid() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        // More than a text in the catalogue can hold.
        let zeros = String(repeating: "0", count: 70_000)
        try log.createTopic("a", settings: settings(["segment.bytes": "\(zeros)20000", "segment.ms": "+5"]))
        try log.close()
        let reopened = try EventLog.open(at: directory.path, options: quietOptions())
        #expect(try #require(reopened.topic("a")).settings.overrides.map(\.value) == ["20000", "5"])
        try reopened.close()
    }

    @Test(arguments: [
        ("delete.retention.ms", "900"), ("message.format.version", "0.10.0-IV1"), ("cleanup.policy", "delete"),
        ("cleanup.policy", "compact,delete"), ("segment.bytes", "10000"), ("file.delete.delay.ms", "10000"),
        ("unclean.leader.election.enable", "false"), ("preallocate", "false"), ("segment.jitter.ms", "0"),
        ("min.insync.replicas", "1"), ("retention.bytes", "-1"), ("retention.ms", "-1"),
    ])
    func settingsThatToolsGiveAreTaken(name: String, value: String) throws {
        let settings = try settings([name: value])
        #expect(settings.overrides == [SettingOverride(name: name, value: value)])
        #expect(TopicSettings.all.first { $0.name == name }?.value(settings) == value)
    }

    @Test(arguments: ["", ".", "..", "a/b", "a b", "ü", String(repeating: "x", count: 250), "a\0b"])
    func namesFollowKafkasRules(name: String) throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let error = #expect(throws: LogError.self) { try log.createTopic(name) }
        guard case .invalidTopicName = error else { return #expect(Bool(false), "\(error as Any)") }
        try log.createTopic(String(repeating: "x", count: 249))
        try log.close()
    }

    @Test func whatCannotBeCreatedChangesNothing() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let topic = try log.createTopic("a.b", partitions: 2)
        #expect(throws: LogError.topicExists("a.b")) { try log.createTopic("a.b") }
        #expect(throws: LogError.self) { try log.createTopic("a_b") }
        #expect(throws: LogError.self) { try log.createTopic("c", partitions: 0) }
        #expect(throws: LogError.self) { try log.createTopic("c", partitions: 10_001) }
        #expect(throws: LogError.self) { try topic.addPartitions(to: 2) }
        #expect(throws: LogError.self) { try topic.addPartitions(to: 1) }
        #expect(throws: LogError.unknownTopic("nope")) { try log.deleteTopic("nope") }
        #expect(throws: LogError.self) { try settings(["retention.hours": "1"]) }
        #expect(throws: LogError.self) { try settings(["segment.bytes": "many"]) }
        #expect(throws: LogError.self) { try settings(["segment.bytes": "1"]) }
        #expect(log.topics.map(\.name) == ["a.b"])
        #expect(try directory.names() == ["a.b-0", "a.b-1", "catalogue", "catalogue.room", "journal", "lock"])
        try log.close()
    }

    @Test func aDeletedTopicIsGoneAndItsNameIsFree() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let topic = try log.createTopic("t", partitions: 2)
        try topic.partitions[0].append(contentsOf: numbered(100))
        let partition = topic.partitions[0]
        try log.deleteTopic("t")
        #expect(log.topic("t") == nil)
        #expect(try directory.names() == ["catalogue", "catalogue.room", "journal", "lock"])
        #expect(throws: LogError.unknownTopic("t")) { try partition.append(Record(value: "late")) }
        let again = try log.createTopic("t")
        #expect(again.id != topic.id)
        #expect(try again.partitions[0].append(Record(value: "first")) == 0)
        // The journal still holds the old topic's rounds: they must not come back.
        let left = try directory.copy()
        let reopened = try EventLog.open(at: left.path, options: quietOptions())
        #expect(try #require(reopened.topic("t")).partitions[0].values() == ["first"])
        try log.close()
    }

    @Test func aDeletionThatWasCutShortIsFinished() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        try log.createTopic("kept").partitions[0].append(Record(value: "kept"))
        try log.createTopic("gone", partitions: 3)
        try log.close()
        let file = CatalogueFile(in: directory.path, quietOptions().environment.fileSystem)
        var catalogue = try #require(try file.read())
        let at = try #require(catalogue.topics.firstIndex { $0.name == "gone" })
        catalogue.topics[at].isBeingDeleted = true
        try file.write(catalogue)
        let reopened = try EventLog.open(at: directory.path, options: quietOptions())
        #expect(reopened.topics.map(\.name) == ["kept"])
        #expect(try directory.names() == ["catalogue", "catalogue.room", "journal", "kept-0", "lock"])
        try reopened.close()
    }

    @Test func theWayToDurabilityCanChangeWhileRecordsComeIn() async throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let topic = try log.createTopic("t", partitions: 2)
        let writers = (0..<2).map { p in
            Task {
                for i in 0..<200 { _ = try await topic.partitions[p].append(Record(value: "value \(i)")) }
            }
        }
        for i in 0..<6 {
            try topic.alter(settings(i % 2 == 0 ? ["flush.messages": "1000"] : [:]))
            try await Task.sleep(for: .milliseconds(3))
        }
        for writer in writers { try await writer.value }
        let left = try directory.copy()
        let reopened = try EventLog.open(at: left.path, options: quietOptions())
        for p in 0..<2 {
            #expect(try #require(reopened.topic("t")).partitions[p].values() == (0..<200).map { "value \($0)" })
        }
        try log.close()
    }

    @Test func everyByteOfTheCatalogueCounts() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        try log.createTopic("t", partitions: 2, settings: settings(["segment.bytes": "20000"]))
        try log.close()
        let bytes = try directory.contents(of: "catalogue")
        for i in bytes.indices {
            var harmed = bytes
            harmed[i] ^= 0x20
            try directory.write(harmed, to: "catalogue")
            #expect(throws: LogError.self, "byte \(i)") {
                try EventLog.open(at: directory.path, options: quietOptions())
            }
            try directory.write(Array(bytes[..<i]), to: "catalogue")
            #expect(throws: LogError.self, "cut at \(i)") {
                try EventLog.open(at: directory.path, options: quietOptions())
            }
        }
        try directory.remove("catalogue")
        let error = #expect(throws: LogError.self) { try EventLog.open(at: directory.path, options: quietOptions()) }
        #expect("\(error as Any)".contains("catalogue"))
        try directory.write(bytes, to: "catalogue")
        try EventLog.open(at: directory.path, options: quietOptions()).close()
    }

    @Test func aDirectoryWithRecordsThatNoTopicClaimsIsNotTouched() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        try log.createTopic("t").partitions[0].append(Record(value: "x"))
        try log.close()
        let bytes = try directory.contents(of: "t-0/00000000000000000000.log")
        let other = TemporaryDirectory()
        let second = try EventLog.open(at: other.path, options: quietOptions())
        try second.createTopic("seed")
        try other.makeDirectory("t-0")
        try other.write(bytes, to: "t-0/00000000000000000000.log")
        #expect(throws: LogError.self) { try second.createTopic("t") }
        #expect(try other.contents(of: "t-0/00000000000000000000.log") == bytes)
        try second.close()
    }

    @Test func aDeletionThatFailsHalfWayIsFinishedLater() throws {
        let disk = SimulatedDisk()
        let options = quietOptions { $0.environment.fileSystem = disk }
        let log = try EventLog.open(at: "/data", options: options)
        for name in ["t", "u"] {
            try log.createTopic(name, partitions: 3).partitions[2].append(Record(value: "of \(name)"))
            disk.add(SimulatedDisk.Fault(at: 0, .error(5), path: "\(name)-1", operation: .remove))
            #expect(throws: LogError.self) { try log.deleteTopic(name) }
        }
        #expect(log.topics.isEmpty)
        // Changes of others do not bring it back.
        try log.createTopic("other")
        #expect(try log.createTopic("u").partitions[0].values() == [])
        let reopened = try EventLog.open(
            at: "/data", options: quietOptions { $0.environment.fileSystem = disk.crash(seed: 1) })
        #expect(reopened.topics.map(\.name) == ["other", "u"])
        try log.deleteTopic("t")
        #expect(!disk.exists("/data/t-2"))
        try log.close()
    }
}
