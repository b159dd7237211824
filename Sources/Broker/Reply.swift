internal import EventLog
internal import KafkaProtocol
internal import NIOCore
internal import NIOPosix

/// An answer on its way: a frame in memory, with ranges of files in between.
struct Reply {
    var buffer: ByteBuffer
    /// In order; each belongs before its position in `buffer`.
    var files: [FileRange] = []

    struct FileRange {
        let position: Int
        let slice: LogSlice
    }
}

/// A place in the order of a connection's answers.
enum PendingReply {
    /// Someone works on it.
    case waiting
    case ready(Reply)
    /// Appended; to be answered when its round is done.
    case produce(ProduceReply)
}

/// A request that is being answered: what its answer needs, and where in the order that stands.
struct Call {
    let connection: Connection
    let api: Int16
    let version: Int16
    let correlationID: Int32
    let clientID: String?
    /// Of the connection's answers, counted from 0.
    let sequence: UInt64
    /// Of the request.
    let byteCount: Int

    /// Answers on the connection's loop.
    func reply<Response: Message>(_ response: Response) { connection.complete(self, response) }

    /// Runs `work` where it may wait for the disk, and answers with what it returns. The connection's next request waits
    /// for that.
    func replyBlocking<Response: Message>(_ work: @escaping @Sendable () -> Response) {
        let connection = connection
        let call = UncheckedCall(call: self)
        connection.beginWork()
        connection.context.blocking.submit { state in
            // The broker stops, and has closed the connection.
            guard case .active = state else { return }
            let response = work()
            connection.loop.eventLoop.execute {
                call.call.reply(response)
                connection.endWork()
            }
        }
    }
}

/// Carries a call to another thread and back to its loop, where alone it is used.
private struct UncheckedCall: @unchecked Sendable {
    let call: Call
}
