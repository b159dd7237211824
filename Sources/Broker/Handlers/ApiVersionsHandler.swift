internal import KafkaProtocol
internal import NIOCore

/// Says what is served. The request of a version that is not known is not read, only answered.
enum ApiVersionsHandler {
    static func handle(_ header: RequestHeader, _ body: ByteBuffer, _ call: Call) throws(ProtocolError) {
        if header.isSupported { _ = try ApiVersionsRequest(reading: body, version: call.version) }
        let (response, version) = ApiVersionsResponse.answer(to: call.version)
        call.connection.expect(call)
        let answered = Call(
            connection: call.connection, api: call.api, version: version, correlationID: call.correlationID,
            clientID: call.clientID, sequence: call.sequence, byteCount: call.byteCount)
        answered.reply(response)
    }
}
