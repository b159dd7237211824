import Foundation
import TestSupport
import Testing

@testable import EventLog

/// See Tests/Vectors/groups/make_records.py.
private struct RecordVector: Sendable {
    var name: String
    var version: Int
    var hasUnknownTags: Bool
    var key: [UInt8]
    var value: [UInt8]?

    static func all() throws -> [RecordVector] {
        try lines("records.txt").map { words in
            RecordVector(
                name: words[0], version: try #require(Int(words[1])), hasUnknownTags: words[2] == "tags",
                key: try bytes(words[3]), value: words[4] == "-" ? nil : try bytes(words[4]))
        }
    }

    static func lines(_ file: String) throws -> [[String]] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: folder.appending(path: "Vectors/groups/\(file)"), encoding: .utf8)
        return text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map {
            $0.split(separator: " ").map(String.init)
        }
    }

    static func bytes(_ hex: String) throws -> [UInt8] {
        let digits = Array(hex)
        return try stride(from: 0, to: digits.count, by: 2).map { at in
            try #require(UInt8(String(digits[at...at + 1]), radix: 16))
        }
    }
}

/// What the vectors say, by their names, as the version that has everything says it.
private enum Expected {
    static let time = Timestamp(milliseconds: 1_700_000_000_123)
    static let topic1 = TopicID(high: 0x0123_4567_89ab_4def, low: 0x8123_4567_89ab_cdef)
    static let topic2 = TopicID(high: 0xfedc_ba98_7654_4210, low: 0x9edc_ba98_7654_3210)
    static let assigned = [
        TopicPartitions(topicID: topic1, partitions: [0, 1, 2]), TopicPartitions(topicID: topic2, partitions: []),
    ]

    static func offset(_ version: Int) -> GroupEntry {
        .offset(
            topic: "readings", partition: 3,
            CommittedOffset(4_294_967_297, leaderEpoch: version >= 3 ? 7 : -1, metadata: "höhe", timestamp: time))
    }

    static func classic(_ version: Int) -> GroupEntry {
        .classicState(
            ClassicGroupState(
                protocolType: "consumer", generation: 12, protocolName: "range", leader: "m-1",
                timestamp: version >= 2 ? time : .none,
                members: [
                    ClassicGroupState.Member(
                        id: "m-1", instanceID: version >= 3 ? "static-1" : nil, clientID: "client ä",
                        clientHost: "/10.0.0.1", rebalanceTimeout: version >= 1 ? 300_000 : 45_000,
                        sessionTimeout: 45_000, metadata: [0, 1] + Array("meta".utf8),
                        assignment: [0, 1] + Array("plan".utf8)),
                    ClassicGroupState.Member(
                        id: "m-2", instanceID: nil, clientID: "", clientHost: "",
                        rebalanceTimeout: version >= 1 ? 1 : 2, sessionTimeout: 2, metadata: [], assignment: []),
                ]))
    }

    static func entry(_ name: String, _ version: Int) throws -> GroupEntry {
        switch name {
        case "offset": return offset(version)
        case "old-key": return offset(3)
        case "classic": return classic(version)
        case "empty-classic":
            return .classicState(
                ClassicGroupState(protocolType: nil, generation: 0, protocolName: nil, leader: nil, members: []))
        case "consumer-group": return .consumerGroup(ConsumerGroupMetadata(epoch: 9, metadataHash: -123_456_789_012))
        case "consumer-group-plain": return .consumerGroup(ConsumerGroupMetadata(epoch: 9))
        case "partition-metadata": return .partitionMetadata
        case "member":
            return .member(
                "m-1",
                ConsumerMemberMetadata(
                    instanceID: "static-1", rackID: nil, clientID: "client", clientHost: "/10.0.0.1",
                    topicNames: ["readings", "events"], topicRegex: nil, rebalanceTimeout: 300_000,
                    serverAssignor: "uniform"))
        case "classic-member":
            return .member(
                "m-1",
                ConsumerMemberMetadata(
                    instanceID: nil, rackID: "rack-1", clientID: "", clientHost: "", topicNames: [],
                    topicRegex: "read.*", rebalanceTimeout: -1, serverAssignor: nil,
                    classicProtocols: [
                        ConsumerMemberMetadata.ClassicProtocol(name: "range", metadata: [0, 3] + Array("sub".utf8)),
                        ConsumerMemberMetadata.ClassicProtocol(name: "cooperative-sticky", metadata: []),
                    ]))
        case "target": return .targetAssignment(TargetAssignmentMetadata(epoch: 10))
        case "member-target": return .memberTarget("m-1", assigned)
        case "member-current":
            return .memberCurrent(
                "m-1",
                CurrentAssignment(
                    memberEpoch: 10, previousMemberEpoch: 9, state: 1, assigned: assigned,
                    pendingRevocation: [TopicPartitions(topicID: topic2, partitions: [5])]))
        case "regex":
            return .regularExpression(
                "read.*", ResolvedRegularExpression(topics: ["readings", "reads"], version: 77, timestamp: time))
        case let name where name.hasPrefix("remove-"):
            return .remove(try entry(String(name.dropFirst("remove-".count)), 3).key)
        default: throw Unknown(name: name)
        }
    }

    struct Unknown: Error { var name: String }
}

@Suite("Records of __consumer_offsets", .timeLimit(.minutes(10)))
struct GroupRecordTests {
    @Test("a record of any version that Kafka writes is read as what it says, unknown tagged fields or not")
    func decoding() throws {
        let vectors = try RecordVector.all()
        #expect(vectors.count > 40)
        for vector in vectors {
            let decoded = try DecodedGroupRecord.decode(
                key: vector.key, value: vector.value, headers: [], timestamp: Expected.time)
            let expected = DecodedGroupRecord(
                group: "analytics", entry: try Expected.entry(vector.name, vector.version), timestamp: Expected.time)
            #expect(decoded == expected, "\(vector.name) \(vector.version)")
        }
    }

    @Test("what is written is byte for byte what Kafka's schemas say")
    func encoding() throws {
        var count = 0
        for vector in try RecordVector.all() where !vector.hasUnknownTags {
            let entry = try Expected.entry(vector.name, vector.version)
            // Keys are written in type 1, offsets and states of classic groups in version 3, the rest in 0.
            let isWritten: Bool =
                switch entry {
                case .partitionMetadata: false
                case .offset, .classicState: vector.version == 3 && vector.name != "old-key"
                default: true
                }
            guard isWritten else { continue }
            count += 1
            var (key, value) = (SchemaWriter(), SchemaWriter())
            entry.key.encode(of: "analytics", into: &key)
            let hasValue = entry.encodeValue(into: &value)
            #expect(key.bytes == vector.key, "\(vector.name)")
            #expect((hasValue ? value.bytes : nil) == vector.value, "\(vector.name)")
        }
        #expect(count == 20)
    }

    @Test("a key of a type that is not known is passed over, as is a record without a key")
    func unknownKeys() throws {
        for type in [UInt8(9), 10, 11, 12, 13, 14, 15, 17, 25, 255] {
            let key: [UInt8] = [type == 255 ? 255 : 0, type, 0, 1, 65]
            #expect(try DecodedGroupRecord.decode(key: key, value: [0], headers: [], timestamp: .none) == nil)
        }
        #expect(try DecodedGroupRecord.decode(key: nil, value: [0], headers: [], timestamp: .none) == nil)
    }

    @Test("a text that has room only in versions that are not written here is refused", arguments: [32_767, 32_768])
    func longTexts(count: Int) throws {
        var (key, value) = (SchemaWriter(), SchemaWriter())
        let text = String(repeating: "x", count: count)
        GroupKey.classicState.encode(of: "g", into: &key)
        value.begin(4, isFlexible: true)
        value.add(text)
        value.add(Int32(1))
        value.add(nil as String?)
        value.add(nil as String?)
        value.add(Int64(0))
        value.add([] as [Int]) { _, _ in }
        value.addTags()
        if count <= SchemaWriter.stringBytesMax {
            let decoded = try #require(try GroupEntry.decode(key: key.bytes, value: value.bytes))
            var written = SchemaWriter()
            #expect(decoded.entry.encodeValue(into: &written))
        } else {
            #expect(throws: SchemaError.badLength) { try GroupEntry.decode(key: key.bytes, value: value.bytes) }
        }
    }

    @Test("a key or value that is cut anywhere is refused, and one with a byte changed does no harm")
    func damage() throws {
        for vector in try RecordVector.all() {
            for count in 0..<vector.key.count {
                #expect(throws: SchemaError.self, "\(vector.name): key of \(count)") {
                    try GroupEntry.decode(key: Array(vector.key[..<count]), value: nil)
                }
            }
            guard let value = vector.value, vector.name != "partition-metadata" else { continue }
            for count in 0..<value.count {
                #expect(throws: SchemaError.self, "\(vector.name) \(vector.version): value of \(count)") {
                    try GroupEntry.decode(key: vector.key, value: Array(value[..<count]))
                }
            }
            for position in value.indices {
                for byte: UInt8 in [0, 1, 0x7F, 0x80, 0xFF] {
                    var changed = value
                    changed[position] = byte
                    _ = try? GroupEntry.decode(key: vector.key, value: changed)
                }
            }
        }
    }

    @Test("a group's partition is where Kafka's clients and brokers look for it")
    func placement() throws {
        let lines = try RecordVector.lines("placement.txt")
        #expect(lines.count > 200)
        for words in lines {
            let bytes = words[0] == "-" ? [] : try RecordVector.bytes(words[0])
            let group = try #require(String(validating: bytes, as: UTF8.self))
            #expect(GroupPlacement.javaHash(group) == Int32(words[1]), "\(group)")
            let partitions = [1, 3, 50, 128].map { GroupPlacement.partition(of: group, count: $0) }
            #expect(partitions == words.dropFirst(2).map { Int($0) }, "\(group)")
        }
    }

    @Test("an author's names come back, whatever is in them")
    func authors() throws {
        for (principal, client, address) in [
            ("User:ANONYMOUS", "rdkafka", "127.0.0.1"), ("User:CN=a b,O=x@y", "a b@c %20", "fe80::1%eth0"),
            ("", "", ""), ("User:%20", "@", "@ %"),
        ] {
            let author = ChangeAuthor(principal: principal, clientID: client, address: address)
            #expect(ChangeAuthor(header: author.bytes) == author)
        }
        let text = String(decoding: ChangeAuthor(principal: "User:a", clientID: "b", address: "c").bytes, as: UTF8.self)
        #expect(text == "User:a b@c")
        for header in ["", "User:a", "a@b", "@ ", " "] {
            #expect(ChangeAuthor(header: Array(header.utf8)) == nil, "\(header)")
        }
    }

    @Test("a note is a line of JSON, and comes back")
    func notes() throws {
        let note = ChangeNote(kind: "reset", id: "00c0ffee", before: 17)
        #expect(String(decoding: note.bytes, as: UTF8.self) == #"{"kind":"reset","id":"00c0ffee","before":17}"#)
        for note in [
            note, ChangeNote(kind: "undo", id: "1"), ChangeNote(kind: "a\"\\\n\u{1}ä😀", id: "", before: Offset(.max)),
        ] {
            #expect(ChangeNote(header: note.bytes) == note)
            let text = String(decoding: note.bytes, as: UTF8.self)
            #expect(!text.contains("\n"))
            let parsed = try JSONSerialization.jsonObject(with: Data(note.bytes)) as? [String: Any]
            #expect(parsed?["kind"] as? String == note.kind)
        }
        let spaced = #" { "id" : "1" , "later" : null, "before" : null , "kind" : "\u00e4\n\/" } "#
        #expect(ChangeNote(header: Array(spaced.utf8)) == ChangeNote(kind: "ä\n/", id: "1"))
        for broken in ["", "{}", "{", #"{"kind":"a"}"#, #"{"kind":"a","id":1}"#, #"{"kind":"a","id":"b"}x"#, "[1]"] {
            #expect(ChangeNote(header: Array(broken.utf8)) == nil, "\(broken)")
        }
        for count in 0..<note.bytes.count { #expect(ChangeNote(header: Array(note.bytes[..<count])) == nil) }
    }
}
