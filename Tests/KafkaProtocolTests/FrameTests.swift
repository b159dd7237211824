import NIOCore
import Testing

@testable import KafkaProtocol

@Suite("Frames and headers")
struct FrameTests {
    /// Frames of kafka-python 3.0.12: ApiVersions 4, Metadata 5, Metadata 12 without a client id.
    @Test(
        "the header of a request is read as kafka-python writes it, and written as it was read",
        arguments: [
            ("0000001d001200040000000700026d65000d6b61666b612d707974686f6e023300", 18, 4, 7, "me"),
            ("0000001b0003000500000008000c6b61666b612d707974686f6effffffff00", 3, 5, 8, "kafka-python"),
            ("0000000f0003000c00000009ffff0000010000", 3, 12, 9, nil),
        ] as [(String, Int16, Int16, Int32, String?)])
    func requestHeader(hexadecimal: String, key: Int16, version: Int16, correlationID: Int32, client: String?) throws {
        let bytes = try Vectors.bytes(hexadecimal: hexadecimal[...])
        var frame = ByteBuffer(bytes: bytes)
        #expect(frame.readInteger(as: Int32.self) == Int32(bytes.count - Frame.lengthPrefix))
        let header = try RequestHeader(reading: &frame)
        #expect(header.apiKey == key && header.apiVersion == version)
        #expect(header.correlationID == correlationID && header.clientID == client)
        #expect(header.isSupported)

        func write<Request: RequestMessage>(_ type: Request.Type) throws -> ByteBuffer {
            let request = try Request(reading: frame, version: version)
            var written = ByteBuffer()
            try Frame.append(
                request: request, version: version, correlationID: correlationID, clientID: client, to: &written)
            return written
        }
        let written = try key == 18 ? write(ApiVersionsRequest.self) : write(MetadataRequest.self)
        #expect(Array(written.readableBytesView) == bytes)
    }

    @Test("a request's header cut at any byte is an error")
    func cutHeader() throws {
        let bytes = try Vectors.bytes(hexadecimal: "0003000c000000090002686900")
        for count in 0..<bytes.count {
            #expect(throws: ProtocolError.self, "\(count)") {
                var frame = ByteBuffer(bytes: bytes.prefix(count))
                _ = try RequestHeader(reading: &frame)
            }
        }
    }

    @Test("an API that is not offered leaves its header's rest alone", arguments: [-1, 8, 4711, Int16.max, Int16.min])
    func unknownKey(key: Int16) throws {
        var frame = ByteBuffer(integer: key)
        frame.writeBytes([0, 0, 0, 0, 0, 5, 0xff, 0xfe])
        let header = try RequestHeader(reading: &frame)
        #expect(!header.isSupported && header.correlationID == 5 && frame.readableBytes == 2)
    }

    @Test("a response is framed with its header, which is flexible from the version on that its body is")
    func response() throws {
        var buffer = ByteBuffer()
        try Frame.append(InitProducerIDResponse(), version: 1, correlationID: 3, to: &buffer)
        let first = buffer.readableBytes
        #expect(first == 4 + 4 + 16)
        try Frame.append(InitProducerIDResponse(), version: 2, correlationID: 4, to: &buffer)
        #expect(buffer.readableBytes - first == 4 + 4 + 1 + 16 + 1)
        #expect(buffer.getInteger(at: first, as: Int32.self) == 22)
        #expect(buffer.getInteger(at: first + 4, as: Int32.self) == 4)

        var frame = try #require(buffer.getSlice(at: first + 4, length: 22))
        #expect(try ResponseHeader(reading: &frame).correlationID == 4)
        try ResponseHeader.skipTags(in: &frame)
        #expect(try InitProducerIDResponse(reading: frame, version: 2) == InitProducerIDResponse())
    }

    @Test("a frame that cannot be written leaves the buffer as it was")
    func failedFrame() {
        var buffer = ByteBuffer(string: "before")
        let long = String(repeating: "x", count: Int(Int16.max) + 1)
        #expect(throws: ProtocolError.tooLong(length: long.utf8.count, limit: Int(Int16.max))) {
            try Frame.append(
                MetadataResponse { $0.clusterID = long }, version: 12, correlationID: 1, to: &buffer)
        }
        #expect(buffer == ByteBuffer(string: "before"))
        #expect(throws: ProtocolError.tooLong(length: long.utf8.count, limit: Int(Int16.max))) {
            try Frame.append(
                request: MetadataRequest(), version: 12, correlationID: 1, clientID: long, to: &buffer)
        }
        #expect(buffer == ByteBuffer(string: "before"))
    }

    @Test(
        "external records are counted in the lengths and belong where they are noted",
        arguments: [4, 11, 12] as [Int16])
    func externalRecords(version: Int16) throws {
        let contents = [[UInt8](repeating: 0xaa, count: 300), [], [UInt8](repeating: 0xbb, count: 5)]
        func response(_ records: (Int) -> FetchRecords) -> FetchResponse {
            FetchResponse {
                $0.responses = [
                    .init { topic in
                        topic.topic = "readings"
                        topic.partitions = contents.indices.map { index in
                            .init {
                                $0.partitionIndex = Int32(index)
                                $0.records = records(index)
                            }
                        }
                    }
                ]
            }
        }
        var whole = ByteBuffer(string: "earlier")
        try Frame.append(
            response { .buffer(ByteBuffer(bytes: contents[$0])) }, version: version, correlationID: 1, to: &whole)

        var parts = ByteBuffer(string: "earlier")
        var ranges: [ExternalRange] = []
        try Frame.append(
            response { .external(byteCount: contents[$0].count) }, version: version, correlationID: 1, to: &parts,
            externalRanges: &ranges)
        #expect(ranges.map(\.byteCount) == contents.map(\.count))

        var spliced: [UInt8] = []
        var position = 0
        for (range, content) in zip(ranges, contents) {
            spliced += try #require(parts.getBytes(at: position, length: range.position - position)) + content
            position = range.position
        }
        spliced += try #require(parts.getBytes(at: position, length: parts.writerIndex - position))
        #expect(spliced == Array(whole.readableBytesView))
    }
}
