import NIOCore
import Testing

@testable import KafkaProtocol

@Suite("ApiVersions")
struct ApiVersionsTests {
    @Test(
        "a known version is answered in itself, with every API that is offered", arguments: 0...4 as ClosedRange<Int16>)
    func known(version: Int16) throws {
        let answer = ApiVersionsResponse.answer(to: version)
        #expect(answer.version == version)
        #expect(answer.response.errorCode == .none)
        #expect(answer.response.apiKeys.map(\.apiKey) == SupportedVersions.rows.map(\.key.rawValue))
    }

    @Test(
        "an unknown version is answered in version 0 with UNSUPPORTED_VERSION and the versions of ApiVersions alone",
        arguments: [-1, 5, 99, Int16.max, Int16.min])
    func unknown(version: Int16) throws {
        let answer = ApiVersionsResponse.answer(to: version)
        #expect(answer.version == 0)
        #expect(answer.response.errorCode == .unsupportedVersion)
        #expect(answer.response.apiKeys.count == 1)
        let own = try #require(answer.response.apiKeys.first)
        #expect(own.apiKey == 18 && own.minVersion == 0 && own.maxVersion == 4)
    }

    @Test("the response's header never has tagged fields", arguments: 0...4 as ClosedRange<Int16>)
    func header(version: Int16) throws {
        var frame = ByteBuffer()
        try Frame.append(ApiVersionsResponse(), version: version, correlationID: 7, to: &frame)
        #expect(frame.readInteger(as: Int32.self) == Int32(frame.readableBytes))
        #expect(frame.readInteger(as: Int32.self) == 7)
        // The error code follows the correlation id at once.
        #expect(try ApiVersionsResponse(reading: frame, version: version) == ApiVersionsResponse())
    }

    @Test("the header of a request in an unknown version is read only up to what every version has")
    func unknownRequest() throws {
        var frame = ByteBuffer(bytes: [0, 18, 0, 99, 0, 0, 0, 5, 0xff, 0xfe, 0xfd])
        let header = try RequestHeader(reading: &frame)
        #expect(header.apiKey == 18 && header.apiVersion == 99 && header.correlationID == 5)
        #expect(!header.isSupported)
        #expect(frame.readableBytes == 3)
    }

    @Test("features with a minimum of 0 are kept from clients before version 4")
    func features() {
        var response = ApiVersionsResponse {
            $0.supportedFeatures = [
                .init { $0.name = "kraft.version" },
                .init {
                    $0.name = "metadata.version"
                    $0.minVersion = 1
                },
            ]
        }
        response.removeFeatures(unreadableIn: 4)
        #expect(response.supportedFeatures.count == 2)
        response.removeFeatures(unreadableIn: 3)
        #expect(response.supportedFeatures.map(\.name) == ["metadata.version"])
    }

    @Test("Produce and FindCoordinator are offered from version 0, without which librdkafka drops LZ4 and groups")
    func librdkafka() {
        #expect(SupportedVersions.row(of: 0)?.offered == 0...13)
        #expect(SupportedVersions.row(of: 10)?.offered.lowerBound == 0)
        #expect(SupportedVersions.row(of: 3)?.offered.lowerBound == 0)
    }
}
