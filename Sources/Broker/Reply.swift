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
    case appended(AppendReply)
}

/// An answer that is known but for whether its round ends well. Those that come rarely are kept apart: the others are small
/// then, and there is one for each request that waits.
enum AppendReply {
    case single(SingleProduceReply)
    indirect case produce(ProduceReply)
    indirect case commit(CommitReply)

    /// The last round that holds a batch of it.
    var round: UInt64 {
        switch self {
        case .single(let reply): reply.ticket.round
        case .produce(let reply): reply.round
        case .commit(let reply): reply.round
        }
    }

    /// False: it is enough that the round is written.
    var waitsForDisk: Bool {
        switch self {
        case .single(let reply): reply.waitsForDisk
        case .produce(let reply): reply.waitsForDisk
        case .commit: true
        }
    }

    var request: (api: ApiKey, version: Int16) {
        switch self {
        case .single(let reply): (.produce, reply.version)
        case .produce(let reply): (.produce, reply.version)
        case .commit(let reply): (.offsetCommit, reply.version)
        }
    }

    /// After the round.
    /// - Parameter node: where this broker is reached.
    func write(to output: inout ByteBuffer, node: @autoclosure () -> HostPort) throws(ProtocolError) {
        switch self {
        case .single(let reply): try reply.write(to: &output, node: node())
        case .produce(let reply): try reply.write(to: &output, node: node())
        case .commit(let reply):
            try Frame.append(reply.response, version: reply.version, correlationID: reply.correlationID, to: &output)
        }
    }
}

/// A request that found no room in the round that gathers, and is gone on with after it.
struct StalledWork {
    let round: UInt64
    /// Of a request that has no place in the order of answers, which would count it.
    var byteCount = 0
    let resume: () -> Void
}

/// A request that is being answered: what its answer needs, and where in the order that stands.
struct Call: Sendable {
    let connection: Connection
    let api: Int16
    let version: Int16
    let correlationID: Int32
    let clientID: String?
    /// Of the connection's answers, counted from 0.
    let sequence: UInt64
    /// Of the request: as it came, and as it was read.
    var byteCount: Int

    /// Answers on the connection's loop.
    func reply<Response: Message>(_ response: Response) { connection.complete(self, response) }

    /// Answers from another thread, or later from its own.
    func replyLater<Response: Message>(_ response: Response) {
        connection.loop.eventLoop.execute { self.reply(response) }
    }

    /// Runs `work` where it may wait for the disk, and answers with what it returns. The connection's next request waits
    /// for that.
    func replyBlocking<Response: Message>(_ work: @escaping @Sendable () -> Response) {
        workBlocking(work) { self.reply($0) }
    }

    /// Runs `work` where it may wait for the disk, then `rest` on the connection's loop with what it returns. The
    /// connection's next request waits for that.
    func workBlocking<Result: Sendable>(
        _ work: @escaping @Sendable () -> Result, then rest: @escaping (Result) -> Void
    ) {
        let connection = connection
        let rest = UncheckedRest(run: rest)
        connection.beginWork()
        // For itself: the connection may be gone before the work is done, or begun.
        let (memory, byteCount) = (connection.context.memory, byteCount)
        memory.add(byteCount)
        connection.context.blocking.submit { state in
            defer { memory.add(-byteCount) }
            // The broker stops, and has closed the connection.
            guard case .active = state else { return }
            let result = work()
            connection.loop.eventLoop.execute {
                rest.run(result)
                connection.endWork()
            }
        }
    }
}

/// Carries what is left to do to another thread and back to its loop, where alone it is done.
private struct UncheckedRest<Result>: @unchecked Sendable {
    let run: (Result) -> Void
}
