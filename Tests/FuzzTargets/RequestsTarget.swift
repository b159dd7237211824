import KafkaProtocol
import NIOCore

enum RequestsTarget {
    static let requests: [any RequestMessage.Type] = [
        ProduceRequest.self, FetchRequest.self, ListOffsetsRequest.self, MetadataRequest.self,
        FindCoordinatorRequest.self, ApiVersionsRequest.self, CreateTopicsRequest.self, DeleteTopicsRequest.self,
        DeleteRecordsRequest.self, InitProducerIDRequest.self, OffsetForLeaderEpochRequest.self,
        DescribeConfigsRequest.self, AlterConfigsRequest.self, DescribeLogDirsRequest.self,
        CreatePartitionsRequest.self, ElectLeadersRequest.self, IncrementalAlterConfigsRequest.self,
        ListPartitionReassignmentsRequest.self, DescribeClusterRequest.self, DescribeProducersRequest.self,
        DescribeTopicPartitionsRequest.self, JoinGroupRequest.self, SyncGroupRequest.self, HeartbeatRequest.self,
        LeaveGroupRequest.self, OffsetCommitRequest.self, OffsetFetchRequest.self, DescribeGroupsRequest.self,
        ListGroupsRequest.self, DeleteGroupsRequest.self, OffsetDeleteRequest.self,
        ConsumerGroupHeartbeatRequest.self, ConsumerGroupDescribeRequest.self, AlterGroupOffsetsRequest.self,
        DescribePositionsRequest.self, DescribeSegmentsRequest.self,
    ]
    private static let byKey = Dictionary(uniqueKeysWithValues: requests.map { ($0.apiKey.rawValue, $0) })

    /// The first byte says how the rest comes.
    private enum Form: UInt8 {
        case request, response, stream
    }

    static func run(_ input: inout FuzzInput) {
        switch Form(rawValue: input.byte() % 3) {
        case .request?: request(ByteBuffer(bytes: input.rest()))
        case .response?:
            let request = requests[Int(input.byte()) % requests.count]
            let version = Int16(input.byte()) % 20
            response(of: request, version, ByteBuffer(bytes: input.rest()))
        default: stream(&input)
        }
    }

    private static func request(_ frame: ByteBuffer) {
        singleProduce(frame)
        var frame = frame
        guard let header = try? RequestHeader(reading: &frame), header.isSupported,
            let message = byKey[header.apiKey]
        else { return }
        roundTrip(message, frame, header.apiVersion)
    }

    /// What is read in one go says the same where it is read the long way.
    private static func singleProduce(_ frame: ByteBuffer) {
        guard let short = frame.withUnsafeReadableBytes({ SingleProduceRequest(reading: $0) }) else { return }
        var body = frame
        guard let header = try? RequestHeader(reading: &body), header.apiKey == ApiKey.produce.rawValue,
            let long = try? ProduceRequest(reading: body, version: header.apiVersion),
            let topic = long.topicData.first, let partition = topic.partitionData.first
        else { preconditionFailure("a produce request is read in one go only") }
        func bytes(_ range: Range<Int>) -> [UInt8] {
            Array(frame.readableBytesView.dropFirst(range.lowerBound).prefix(range.count))
        }
        precondition(
            header.apiVersion == short.version && header.correlationID == short.correlationID
                && long.acks == short.acks && long.transactionalID == nil && partition.index == short.partition,
            "a produce request has other fields when it is read in one go")
        precondition(
            partition.records.map { Array($0.readableBytesView) } == bytes(short.records)
                && (short.namesTopicByID || Array(topic.name.utf8) == bytes(short.topic)),
            "a produce request has other bytes when it is read in one go")
    }

    private static func response<Request: RequestMessage>(
        of request: Request.Type, _ version: Int16, _ body: ByteBuffer
    ) {
        roundTrip(Request.Response.self, body, version)
    }

    /// What is taken comes back from our own encoding. Compared by bytes: a number that is not one is no other's equal.
    private static func roundTrip<M: Message>(_ type: M.Type, _ body: ByteBuffer, _ version: Int16) {
        guard let message = try? M(reading: body, version: version) else { return }
        let written = write(message, version)
        guard let again = try? M(reading: written, version: version) else {
            preconditionFailure("\(M.self) \(version): what was written is not read")
        }
        precondition(write(again, version) == written, "\(M.self) \(version): other bytes the second time")
    }

    private static func write<M: Message>(_ message: M, _ version: Int16) -> ByteBuffer {
        var writer = ProtocolWriter(version: version, isFlexible: version >= M.firstFlexibleVersion)
        var message = message
        do { try message.code(&writer) } catch {
            preconditionFailure("\(M.self) \(version): what was read is not written: \(error)")
        }
        return writer.buffer
    }

    /// Frames out of a stream that comes in pieces.
    private static func stream(_ input: inout FuzzInput) {
        var frames = FrameBuffer()
        let limit = Int(input.int16())
        let limits = FrameLimits(largest: limit, small: limit / 2)
        while !input.isEmpty {
            let piece = input.bytes(1 + Int(input.byte()))
            frames.append(ByteBuffer(bytes: piece))
            do {
                while let frame = try frames.next(limits) {
                    precondition(frame.readableBytes <= limit, "a frame over the limit")
                    request(frame)
                    frames.compact()
                }
            } catch { return }
        }
    }

    /// One batch for one partition, in each version.
    private static func singleProduceSeeds() throws -> [[UInt8]] {
        var partition = ProduceRequest.PartitionData()
        partition.index = 3
        partition.records = ByteBuffer(repeating: 7, count: 70)
        var topic = ProduceRequest.TopicData()
        topic.name = "readings"
        topic.partitionData = [partition]
        var request = ProduceRequest()
        request.acks = -1
        request.topicData = [topic]
        return try SingleProduceRequest.versions.map { version in
            let header = RequestHeader(apiKey: .produce, apiVersion: version, correlationID: 5, clientID: "device")
            var frame = ByteBuffer()
            try header.write(to: &frame, isFlexible: version >= ProduceRequest.firstFlexibleVersion)
            frame.writeImmutableBuffer(write(request, version))
            precondition(
                frame.withUnsafeReadableBytes { SingleProduceRequest(reading: $0) } != nil,
                "the seed is not read in one go: nothing would be tried")
            return [Form.request.rawValue] + Array(frame.readableBytesView)
        }
    }

    static func seeds() throws -> [[UInt8]] {
        var seeds = try singleProduceSeeds()
        for (index, request) in requests.enumerated() {
            for line in try Vectors.lines("protocol/\(request.apiKey.name).txt") {
                let words = line.split(separator: " ", omittingEmptySubsequences: false)
                guard words.count == 4, let version = Int16(words[1]), words[2] == "full" else { continue }
                let body = Vectors.bytes(hexadecimal: words[3])
                if words[0] == "request" {
                    let header = RequestHeader(
                        apiKey: request.apiKey, apiVersion: version, correlationID: 1, clientID: "c")
                    var frame = ByteBuffer()
                    try header.write(to: &frame, isFlexible: version >= request.firstFlexibleVersion)
                    let bytes = Array(frame.readableBytesView) + body
                    seeds.append([Form.request.rawValue] + bytes)
                    let length = UInt32(bytes.count)
                    let prefix = (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) }
                    if version == request.versions.upperBound, bytes.count < 240 {
                        seeds.append([Form.stream.rawValue, 0xFF, 0xFF, UInt8(bytes.count + 3)] + prefix + bytes)
                    }
                } else {
                    seeds.append([Form.response.rawValue, UInt8(index), UInt8(version)] + body)
                }
            }
        }
        return seeds
    }
}
