import NIOCore
import TestSupport
import Testing

@testable import KafkaProtocol

@Suite("Produce requests of one batch")
struct SingleProduceTests {
    private static let versions = SingleProduceRequest.versions

    /// As the general writer writes it, without its length.
    private func frame(
        version: Int16, clientID: String? = "sensor", _ change: (inout ProduceRequest) -> Void = { _ in }
    ) throws -> [UInt8] {
        var request = ProduceRequest()
        request.acks = -1
        request.timeoutMs = 30_000
        request.topicData = [topic()]
        change(&request)
        var buffer = ByteBuffer()
        try Frame.append(request: request, version: version, correlationID: 77, clientID: clientID, to: &buffer)
        return Array(buffer.readableBytesView.dropFirst(Frame.lengthPrefix))
    }

    private func topic(_ partitions: Int32 = 1) -> ProduceRequest.TopicData {
        var topic = ProduceRequest.TopicData()
        topic.name = "readings"
        topic.topicID = UUIDBytes(high: 0x0123_4567_89ab_cdef, low: 0xfedc_ba98_7654_3210)
        topic.partitionData = (0..<partitions).map { index in
            var partition = ProduceRequest.PartitionData()
            partition.index = index + 3
            partition.records = ByteBuffer(bytes: 0..<200)
            return partition
        }
        return topic
    }

    private func read(_ frame: [UInt8]) -> SingleProduceRequest? {
        frame.withUnsafeBytes { SingleProduceRequest(reading: $0) }
    }

    /// Whether both ways of reading find the same in a frame.
    private func agrees(_ single: SingleProduceRequest, _ frame: [UInt8]) throws -> Bool {
        var body = ByteBuffer(bytes: frame)
        let header = try RequestHeader(reading: &body)
        var memory = 0
        let request = try ProduceRequest(reading: body, version: header.apiVersion, memory: &memory)
        let topic = try #require(request.topicData.first)
        let partition = try #require(topic.partitionData.first)
        let id = [topic.topicID.high, topic.topicID.low].flatMap { half in
            withUnsafeBytes(of: half.bigEndian) { Array($0) }
        }
        return header.isSupported && single.version == header.apiVersion
            && single.correlationID == header.correlationID
            && request.topicData.count == 1 && topic.partitionData.count == 1 && request.transactionalID == nil
            && single.acks == request.acks && single.partition == partition.index
            && Array(frame[single.topic]) == (single.namesTopicByID ? id : Array(topic.name.utf8))
            && Array(frame[single.records]) == partition.records.map { Array($0.readableBytesView) }
            && memory == SingleProduceRequest.memory
    }

    @Test("are read as any other", arguments: versions, [-1, 1] as [Int16])
    func reading(version: Int16, acks: Int16) throws {
        for clientID in ["sensor", "", nil] {
            let frame = try frame(version: version, clientID: clientID) { $0.acks = acks }
            let single = try #require(read(frame))
            #expect(try agrees(single, frame))
        }
    }

    @Test("are another kind when they are cut at any byte, or go on", arguments: versions)
    func cut(version: Int16) throws {
        let frame = try frame(version: version)
        for count in 0..<frame.count { #expect(read(Array(frame[..<count])) == nil, "\(count)") }
        #expect(read(frame + [0]) == nil)
    }

    @Test("are another kind where anything is not as usual", arguments: versions)
    func unusual(version: Int16) throws {
        let changes: [(inout ProduceRequest) -> Void] = [
            { $0.acks = 0 }, { $0.acks = 2 }, { $0.transactionalID = "moving" }, { $0.transactionalID = "" },
            { $0.topicData = [] }, { $0.topicData.append($0.topicData[0]) },
            { $0.topicData = [topic(0)] }, { $0.topicData = [topic(2)] },
            { $0.topicData[0].partitionData[0].records = nil },
        ]
        for (number, change) in changes.enumerated() {
            #expect(try read(frame(version: version, change)) == nil, "\(number)")
        }
        #expect(try read(frame(version: version, clientID: "Fühler")) == nil)
    }

    @Test("of versions without batches are another kind", arguments: 0..<versions.lowerBound)
    func old(version: Int16) throws {
        #expect(try read(frame(version: version)) == nil)
    }

    @Test("are read as any other where bytes were changed, or not at all", arguments: versions)
    func mutated(version: Int16) throws {
        let whole = try frame(version: version)
        var taken = 0
        for place in whole.indices {
            for value in [0, 1, 2, 3, 0x0f, 0x7f, 0x80, 0xff, whole[place] &+ 1, whole[place] ^ 0x80] as [UInt8] {
                var changed = whole
                changed[place] = value
                guard let single = read(changed) else { continue }
                taken += 1
                #expect(try agrees(single, changed), "byte \(place) is \(value)")
            }
        }
        #expect(taken > whole.count)
    }

    @Test("are answered in the same bytes", arguments: versions, ["t", String(repeating: "long", count: 62)])
    func answer(version: Int16, name: String) throws {
        let id = UUIDBytes(high: 5, low: .max)
        var partition = ProduceResponse.PartitionResponse()
        partition.index = 12
        partition.baseOffset = 1 << 40
        partition.logAppendTimeMs = 1_700_000_000_123
        partition.logStartOffset = 99
        var topic = ProduceResponse.TopicResponse()
        topic.name = name
        topic.topicID = id
        topic.partitionResponses = [partition]
        var response = ProduceResponse()
        response.responses = [topic]
        var buffer = ByteBuffer(string: "before")
        var expected = buffer
        try Frame.append(response, version: version, correlationID: -7, to: &expected)
        SingleProduceResponse(
            version: version, correlationID: -7, topicName: name, topicID: id, partition: 12, baseOffset: 1 << 40,
            logAppendTimeMs: 1_700_000_000_123, logStartOffset: 99
        ).append(to: &buffer)
        #expect(buffer == expected)
    }
}
