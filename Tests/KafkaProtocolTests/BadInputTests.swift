import NIOCore
import TestSupport
import Testing

@testable import KafkaProtocol

@Suite("Bytes that are no message")
struct BadInputTests {
    @Test("a message cut at any byte is an error", arguments: Vectors.all)
    func truncated(vector: Vector) {
        for count in 0..<vector.bytes.count {
            #expect(throws: ProtocolError.self, "\(count) of \(vector.bytes.count) bytes") {
                try vector.message.init(reading: ByteBuffer(bytes: vector.bytes.prefix(count)), version: vector.version)
            }
        }
    }

    @Test("a byte after the end of a response is an error", arguments: Vectors.all.filter { !$0.isRequest })
    func trailing(vector: Vector) {
        #expect(throws: ProtocolError.trailingBytes(count: 1)) {
            try vector.message.init(reading: ByteBuffer(bytes: vector.bytes + [0]), version: vector.version)
        }
    }

    @Test("bytes after the end of a request are passed over", arguments: Vectors.all.filter(\.isRequest))
    func trailingInRequest(vector: Vector) throws {
        func check<M: Message>(_ type: M.Type) throws {
            let message = try M(reading: ByteBuffer(bytes: vector.bytes + [1, 0, 0]), version: vector.version)
            #expect(try M(reading: vector.body, version: vector.version) == message)
        }
        try check(vector.message)
    }

    @Test("librdkafka's request for all topics, with three bytes too many, is a request for all topics")
    func allTopicsOfLibrdkafka() throws {
        // As librdkafka 2.16 sends it in version 12: the place of a length that it does not fill in, then the fields.
        let request = try MetadataRequest(reading: ByteBuffer(bytes: [0, 0, 0, 0, 1, 0, 0]), version: 12)
        #expect(request.asksForAllTopics(version: 12))
    }

    @Test("damage is an error or another message, which comes back as it is; it never traps", arguments: Vectors.all)
    func damaged(vector: Vector) throws {
        func roundTrip<M: Message>(_ type: M.Type, _ bytes: [UInt8]) throws {
            guard let message = try? M(reading: ByteBuffer(bytes: bytes), version: vector.version) else { return }
            let written = try encode(message, version: vector.version)
            #expect(try M(reading: ByteBuffer(bytes: written), version: vector.version) == message, "\(bytes)")
        }
        var chance = SeededRandom(seed: UInt64(vector.bytes.count) << 8 | UInt64(vector.version))
        for _ in 0..<200 {
            var bytes = vector.bytes
            damage(&bytes, by: &chance)
            try roundTrip(vector.message, bytes)
        }
    }

    @Test("bytes at random are an error or a message; they never trap", arguments: Vectors.messages.indices)
    func noise(index: Int) {
        let message = Vectors.messages[index]
        var chance = SeededRandom(seed: UInt64(index))
        for _ in 0..<500 {
            let count = Int.random(in: 0..<64, using: &chance)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &chance) }
            for version in message.versions {
                _ = try? message.init(reading: ByteBuffer(bytes: bytes), version: version)
            }
        }
    }

    @Test("a length below -1 is an error")
    func negativeLength() {
        // ListOffsets 1: replica -1, then -2 topics.
        #expect(throws: ProtocolError.invalidLength(position: 8, length: -2)) {
            try ListOffsetsRequest(reading: ByteBuffer(bytes: [255, 255, 255, 255, 255, 255, 255, 254]), version: 1)
        }
    }

    @Test("null where the version needs a value is an error")
    func unexpectedNull() {
        #expect(throws: ProtocolError.unexpectedNull(position: 8)) {
            try ListOffsetsRequest(reading: ByteBuffer(bytes: [255, 255, 255, 255, 255, 255, 255, 255]), version: 1)
        }
        #expect(throws: ProtocolError.unexpectedNull(position: 4)) {
            try MetadataRequest(reading: ByteBuffer(bytes: [255, 255, 255, 255]), version: 0)
        }
        #expect(throws: ProtocolError.unexpectedNull(position: 0)) {
            try encode(MetadataRequest { $0.topics = nil }, version: 0)
        }
    }

    @Test("more elements than bytes left is an error before anything is allocated", arguments: [9, 1 << 20, Int32.max])
    func oversizedCount(count: Int32) {
        var body = ByteBuffer(integer: count)
        body.writeRepeatingByte(0, count: 8)
        #expect(throws: ProtocolError.invalidLength(position: 4, length: Int(count))) {
            try MetadataRequest(reading: body, version: 1)
        }
    }

    @Test("a frame full of empty elements stops at the reader's limit")
    func tooManyElements() {
        var body = ByteBuffer(integer: 1000 as Int32)
        body.writeRepeatingByte(0, count: 2000)
        #expect(throws: Never.self) { try MetadataRequest(reading: body, version: 1, elementsMax: 1000) }
        #expect(throws: ProtocolError.tooManyElements(position: 4, limit: 999)) {
            try MetadataRequest(reading: body, version: 1, elementsMax: 999)
        }
    }

    @Test("a varint of more than 32 bits is an error")
    func longVarint() {
        for bytes: [UInt8] in [[0x80, 0x80, 0x80, 0x80, 0x10], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]] {
            #expect(throws: ProtocolError.varintTooLong(position: 5)) {
                try MetadataRequest(reading: ByteBuffer(bytes: bytes), version: 9)
            }
        }
        // The largest that fits names more elements than there are.
        #expect(throws: ProtocolError.invalidLength(position: 5, length: Int(UInt32.max) - 1)) {
            try MetadataRequest(reading: ByteBuffer(bytes: [0xff, 0xff, 0xff, 0xff, 0x0f]), version: 9)
        }
    }

    @Test("a string that is not UTF-8 is an error")
    func invalidUTF8() {
        #expect(throws: ProtocolError.invalidUTF8(position: 6)) {
            try MetadataRequest(reading: ByteBuffer(bytes: [0, 0, 0, 1, 0, 2, 0xc3, 0x28]), version: 1)
        }
    }

    @Test("a version that the codec lacks is an error in both directions", arguments: [-1, 14, Int16.max])
    func unknownVersion(version: Int16) {
        #expect(throws: ProtocolError.unsupportedVersion(api: 3, version: version)) {
            try MetadataRequest(reading: ByteBuffer(), version: version)
        }
        var frame = ByteBuffer(string: "before")
        #expect(throws: ProtocolError.unsupportedVersion(api: 3, version: version)) {
            try Frame.append(MetadataResponse(), version: version, correlationID: 1, to: &frame)
        }
        #expect(frame == ByteBuffer(string: "before"))
    }

    @Test("a tagged field is as long as it says, or the message is an error")
    func lyingTags() throws {
        // Fetch 15 of nothing, up to its tagged fields: wait, bytes, bytes, isolation, session, epoch, three empty.
        let plain = [UInt8](repeating: 0, count: 4 + 4 + 4 + 1 + 4 + 4) + [1, 1, 1]
        let state: [UInt8] = [0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9, 0]
        func read(_ tags: [UInt8]) throws -> FetchRequest {
            try FetchRequest(reading: ByteBuffer(bytes: plain + tags), version: 15)
        }
        #expect(try read([1, 1, 13] + state).replicaState.replicaEpoch == 9)
        // Inside the known field, one that nobody knows.
        #expect(try read([1, 1, 17] + state.dropLast() + [1, 99, 2, 0xaa, 0xbb]).replicaState.replicaEpoch == 9)
        // Longer than its fields, shorter than they are though bytes follow, and longer than the message.
        #expect(throws: ProtocolError.trailingBytes(count: 1)) { try read([1, 1, 14] + state + [0]) }
        #expect(throws: ProtocolError.truncated(position: plain.count + 3 + 12, needed: 1, have: 0)) {
            try read([1, 1, 12] + state)
        }
        #expect(throws: ProtocolError.self) { try read([1, 1, 14] + state) }
        #expect(throws: ProtocolError.self) { try read([1, 1, 17] + state.dropLast() + [1, 99, 3, 0xaa, 0xbb]) }
        // The same of one that nobody knows.
        #expect(throws: ProtocolError.self) { try read([1, 99, 3, 0xaa, 0xbb]) }
        #expect(throws: ProtocolError.self) { try read([2, 99, 2, 0xaa, 0xbb]) }
        #expect(throws: ProtocolError.self) { try read([1, 99, 0xff, 0xff, 0xff, 0xff, 0x0f]) }
    }

    @Test("a struct that may be null is there where its byte is not negative")
    func nullableStruct() throws {
        func read(_ cursor: [UInt8]) throws -> DescribeTopicPartitionsRequest {
            // No topics, a limit of 5.
            try DescribeTopicPartitionsRequest(
                reading: ByteBuffer(bytes: [1, 0, 0, 0, 5] + cursor + [0]), version: 0)
        }
        #expect(try read([0xff]).cursor == nil)
        #expect(try read([0x80]).cursor == nil)
        for mark: UInt8 in [0, 1, 0x7f] {
            let cursor = try #require(try read([mark, 2, 0x61, 0, 0, 0, 3, 0]).cursor)
            #expect(cursor.topicName == "a" && cursor.partitionIndex == 3)
        }
        #expect(throws: ProtocolError.self) { try read([1]) }
    }

    @Test("tagged fields that nobody knows are skipped")
    func unknownTags() throws {
        // InitProducerId 2: null, timeout, two tagged fields of 2 and 0 bytes.
        let body = ByteBuffer(bytes: [0, 0, 0, 0, 9, 2, 5, 2, 0xaa, 0xbb, 6, 0])
        #expect(try InitProducerIDRequest(reading: body, version: 2).transactionTimeoutMs == 9)
        // And more of them than there are bytes is an error.
        #expect(throws: ProtocolError.self) {
            try InitProducerIDRequest(
                reading: ByteBuffer(bytes: [0, 0, 0, 0, 9, 0xff, 0xff, 0xff, 0xff, 0x0f]), version: 2)
        }
    }
}

/// Changes, adds or removes one to three bytes.
func damage(_ bytes: inout [UInt8], by chance: inout SeededRandom) {
    for _ in 0..<Int.random(in: 1...3, using: &chance) {
        let place = Int.random(in: 0...bytes.count, using: &chance)
        switch Int.random(in: 0..<4, using: &chance) {
        case 0: bytes.insert(UInt8.random(in: 0...255, using: &chance), at: place)
        case 1 where place < bytes.count: bytes.remove(at: place)
        case 2 where place < bytes.count: bytes[place] = [0, 0x7f, 0x80, 0xff].randomElement(using: &chance) ?? 0
        default: if place < bytes.count { bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &chance) }
        }
    }
}
