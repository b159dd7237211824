internal import KafkaProtocol

/// Moves the offsets of a group, be its members alive. An API of Martlet's own.
enum AlterGroupOffsetsHandler {
    static func handle(_ request: AlterGroupOffsetsRequest, _ call: Call) {
        let context = call.connection.context
        context.groups.prepared(call) { failure in
            if let failure {
                return call.reply(
                    AlterGroupOffsetsResponse {
                        $0.errorCode = .coordinatorNotAvailable
                        $0.errorMessage = failure.wireMessage
                    })
            }
            let author = call.connection.author(clientID: call.clientID)
            OffsetAlteration(request, by: author, context.log, context.groups) { call.replyLater($0) }.run()
        }
    }
}
