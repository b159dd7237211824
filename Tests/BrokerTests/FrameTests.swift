import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

@Suite("Bad frames", .timeLimit(.minutes(10)))
struct FrameTests {
    // MARK: Lengths

    @Test("a negative length closes the connection", arguments: [-1, -2, Int32.min])
    func negativeLength(length: Int32) async throws {
        try await withSurvivor { broker in
            await broker.client.send(Wire.bytes(length))
            await broker.expectClosed(because: "a request of \(length) bytes is not possible")
        }
    }

    @Test("a frame shorter than a request's header closes the connection", arguments: 0..<10)
    func shortFrame(length: Int) async throws {
        try await withSurvivor { broker in
            // Metadata, version 0, with a client id of no bytes: 10 bytes are its header.
            let header = Wire.header(api: 3, version: 0)
            try #require(header.count == 10)
            await broker.client.send(frame: Array(header[..<length]))
            let line = await broker.expectClosed(because: "cut short")
            #expect(line.contains("api=Metadata ") == (length >= 4), "\(line)")
        }
    }

    @Test("a request whose body is cut at any byte closes the connection")
    func cutBody() async throws {
        try await withSurvivor { broker in
            let whole = Array(try Wire.frame(FetchRequest.reading("kept"), version: 12)[4...])
            for length in 10..<whole.count {
                let client = try await WireClient.connect(to: broker.broker)
                await client.send(frame: Array(whole[..<length]))
                await client.expectClosed()
            }
            // Of the same kind the log gets so many lines in a while, not one for each.
            let lines = broker.logs.lines.count { $0.contains("a connection is closed") }
            #expect((20...whole.count - 10).contains(lines), "\(lines)")
        }
    }

    @Test("a frame over the limit closes the connection on its length alone", arguments: [1025, 1 << 24, Int32.max])
    func tooLong(length: Int32) async throws {
        try await withSurvivor(limits: .with { $0.requestBytes = 1024 }) { broker in
            await broker.client.send(Wire.bytes(length))
            await broker.expectClosed(because: "a request of \(length) bytes is over the limit of 1024")
        }
    }

    @Test("a frame of just the limit is served")
    func atLimit() async throws {
        try await withSurvivor(limits: .with { $0.requestBytes = 1024 }) { broker in
            let body = Wire.header(api: 3, version: 1, clientID: [UInt8](repeating: 0x61, count: 1024 - 14))
            let frame = body + Wire.bytes(Int32(0))
            try #require(frame.count == 1024)
            await broker.client.send(frame: frame)
            #expect(await broker.client.receive() != nil)
        }
    }

    @Test(
        "bytes of another protocol close the connection", arguments: ["GET / HTTP/1.1\r\n\r\n", "SSH-2.0-OpenSSH\r\n"])
    func otherProtocol(text: String) async throws {
        try await withSurvivor { broker in
            await broker.client.send(Array(text.utf8))
            await broker.expectClosed(because: "is this a Kafka client, without TLS?")
        }
    }

    // MARK: Pieces

    @Test("a frame cut in two at any byte is answered")
    func split() async throws {
        try await withSurvivor { broker in
            let request = FetchRequest.reading("kept")
            let whole = try Wire.frame(request, correlationID: 7)
            let posted = Posted<FetchRequest>(version: Wire.newest(FetchRequest.self), correlationID: 7)
            for cut in 1..<whole.count {
                await broker.client.send(Array(whole[..<cut]))
                await broker.client.send(Array(whole[cut...]))
                let answer = try await broker.client.receive(posted)
                #expect(answer.responses.first?.partitions.first?.highWatermark == 3, "cut at \(cut)")
            }
        }
    }

    @Test("a frame that comes byte by byte is answered")
    func byteByByte() async throws {
        try await withSurvivor { broker in
            let posted = Posted<FetchRequest>(version: Wire.newest(FetchRequest.self), correlationID: 7)
            for byte in try Wire.frame(FetchRequest.reading("kept"), correlationID: 7) {
                await broker.client.send([byte])
            }
            let answer = try await broker.client.receive(posted)
            #expect(answer.responses.first?.partitions.first?.highWatermark == 3)
        }
    }

    @Test("a client that leaves in the middle of a request leaves a line in the log", arguments: [2, 4, 20])
    func leaves(cut: Int) async throws {
        try await withSurvivor { broker in
            let whole = try Wire.frame(ProduceRequest.sending(Batch("never"), to: "kept"))
            await broker.client.send(Array(whole[..<cut]))
            await broker.client.close()
            await broker.logs.line(with: "a client left in the middle of a request")
        }
    }

    @Test("a batch whose last byte never comes is not appended")
    func lastByteMissing() async throws {
        try await withSurvivor { broker in
            let whole = try Wire.frame(ProduceRequest.sending(Batch("never"), to: "kept"))
            await broker.client.send(whole.dropLast())
            await broker.client.close()
            await broker.logs.line(with: "a client left in the middle of a request")
        }
    }

    // MARK: APIs and versions

    @Test("an API that is none of Kafka's closes the connection", arguments: [-1, 5, 1000, Int16.max, Int16.min])
    func unknownAPI(key: Int16) async throws {
        try await withSurvivor { broker in
            await broker.client.send(frame: Wire.header(api: key, version: 0))
            await broker.expectClosed(because: "API \(key) is none of Kafka's")
        }
    }

    @Test(
        "an API of Kafka's that is not served closes the connection, and is named in the log",
        arguments: ApiKey.allCases.filter { SupportedVersions.row(of: $0.rawValue) == nil })
    func unservedAPI(key: ApiKey) async throws {
        try await withSurvivor { broker in
            await broker.client.send(frame: Wire.header(api: key.rawValue, version: 0))
            await broker.expectClosed(because: "\(key.name) is not served: the client must do without it")
        }
    }

    @Test(
        "a version that is not offered closes the connection, of every API but ApiVersions",
        arguments: SupportedVersions.rows.filter { $0.key != .apiVersions })
    func unknownVersion(row: SupportedVersions.Row) async throws {
        let offered = row.offered
        let reason = "\(offered.lowerBound) to \(offered.upperBound) are"
        for version in [offered.lowerBound - 1, offered.upperBound + 1, Int16.max, Int16.min] {
            try await withSurvivor { broker in
                await broker.client.send(frame: Wire.header(api: row.key.rawValue, version: version))
                await broker.expectClosed(because: "\(row.key.name) version \(version) is not served: \(reason)")
            }
        }
    }

    @Test(
        "an unknown version of ApiVersions is answered in version 0, and the connection goes on",
        arguments: [5, 99, Int16.max, -1, Int16.min])
    func unknownApiVersions(version: Int16) async throws {
        try await withSurvivor { broker in
            // What follows the first eight bytes is in a layout that only the client knows.
            await broker.client.send(frame: Wire.header(api: 18, version: version, correlationID: 9) + [0xff, 0xff])
            let posted = Posted<ApiVersionsRequest>(version: 0, correlationID: 9)
            let answer = try await broker.client.receive(posted)
            #expect(answer.errorCode == .unsupportedVersion)
            #expect(answer.apiKeys.map(\.apiKey) == [18])
            #expect(answer.apiKeys.first?.maxVersion == 4)
            #expect(try await broker.client.call(ApiVersionsRequest()).errorCode == .none)
        }
    }

    // MARK: Fields

    /// Header and body of a request, of which the body is wrong.
    private static let wrongFields: [WrongField] = [
        WrongField("an array of 2^31-1 topics", 3, 1, Wire.bytes(Int32.max), "impossible length"),
        WrongField("an array of -2 topics", 3, 1, Wire.bytes(Int32(-2)), "impossible length"),
        WrongField("a null array where there may be none", 19, 0, Wire.bytes(Int32(-1)), "null"),
        WrongField("a compact array of 2^32-2 topics", 3, 9, [0, 0xff, 0xff, 0xff, 0xff, 0x0f], "impossible length"),
        WrongField("a varint of more than 32 bits", 3, 9, [0, 0xff, 0xff, 0xff, 0xff, 0x1f], "varint"),
        WrongField("a varint without an end", 3, 9, [0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80], "varint"),
        WrongField("tagged fields without end", 3, 9, [0xff, 0xff, 0xff, 0xff, 0x0f], "impossible length"),
        WrongField("a tagged field past the end", 3, 9, [1, 0, 0x7f], "cut short"),
        WrongField("a tagged field of 4 GB", 3, 9, [1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f], "cut short"),
        WrongField("a string past the end", 3, 1, Wire.bytes(Int32(1)) + Wire.bytes(Int16.max), "cut short"),
        WrongField("a string of less than nothing", 3, 1, Wire.bytes(Int32(1)) + Wire.bytes(Int16(-2)), "impossible"),
        WrongField(
            "a name that is not UTF-8", 3, 1, Wire.bytes(Int32(1)) + Wire.bytes(Int16(2)) + [0xc3, 0x28], "UTF-8"),
        WrongField(
            "records past the end", 0, 3,
            Wire.bytes(Int16(-1)) + Wire.bytes(Int16(1)) + Wire.bytes(Int32(0)) + Wire.bytes(Int32(1))
                + Wire.bytes(Int16(4)) + Array("kept".utf8) + Wire.bytes(Int32(1)) + Wire.bytes(Int32(0))
                + Wire.bytes(Int32.max), "cut short"),
    ]

    struct WrongField: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let api: Int16
        let version: Int16
        let rest: [UInt8]
        let reason: String

        init(_ description: String, _ api: Int16, _ version: Int16, _ rest: [UInt8], _ reason: String) {
            testDescription = description
            self.api = api
            self.version = version
            self.rest = rest
            self.reason = reason
        }
    }

    @Test("a field that cannot be closes the connection", arguments: wrongFields)
    func wrongField(field: WrongField) async throws {
        try await withSurvivor { broker in
            await broker.client.send(frame: Wire.header(api: field.api, version: field.version) + field.rest)
            let line = await broker.expectClosed(because: field.reason)
            let name = ApiKey(rawValue: field.api)?.name ?? ""
            #expect(line.contains("api=\(name) ") && line.contains("version=\(field.version)"), "\(line)")
        }
    }

    @Test("a client id that is not UTF-8 closes the connection")
    func badClientID() async throws {
        try await withSurvivor { broker in
            let header = Wire.header(api: 3, version: 1, clientID: [0xff])
            await broker.client.send(frame: header + Wire.bytes(Int32(0)))
            await broker.expectClosed(because: "UTF-8")
        }
    }

    @Test("more array elements than a message may have close the connection")
    func tooManyElements() async throws {
        try await withSurvivor { broker in
            let count = ProtocolReader.elementsMax + 1
            // As many topics with empty names: two bytes each.
            let body = Wire.bytes(Int32(count)) + [UInt8](repeating: 0, count: count * 2)
            await broker.client.send(frame: Wire.header(api: 3, version: 1) + body)
            await broker.expectClosed(because: "array elements")
        }
    }

    @Test("tagged fields that nobody knows are skipped, in the header and in the body")
    func unknownTags() async throws {
        try await withSurvivor { broker in
            let tags: [UInt8] = [2, 99, 3, 1, 2, 3, 100, 0]
            // Metadata 9: no topics, no creation, no operations.
            let body: [UInt8] = tags + [1, 0, 0, 0] + tags
            await broker.client.send(frame: Wire.header(api: 3, version: 9) + body)
            let posted = Posted<MetadataRequest>(version: 9, correlationID: 1)
            let answer = try await broker.client.receive(posted)
            #expect(answer.topics.isEmpty)
        }
    }
}
