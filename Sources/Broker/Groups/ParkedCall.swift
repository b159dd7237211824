internal import GroupCoordination
internal import KafkaProtocol
internal import NIOCore

/// A request that waits for other members of its group, or for the disk.
final class ParkedCall: @unchecked Sendable {
    // Unchecked: of `call` only what other threads may have is used elsewhere than on its loop.
    let call: Call
    let request: RequestID
    private let group: CoordinatedGroup

    init(_ call: Call, _ request: RequestID, of group: CoordinatedGroup) {
        self.call = call
        self.request = request
        self.group = group
    }

    /// From any thread. Answers given one after another go out in that order.
    func answer<Response: Message>(_ response: Response) {
        call.connection.loop.eventLoop.execute {
            self.call.connection.unpark(self)
            self.call.reply(response)
        }
    }

    /// The connection has gone.
    func abandon() { group.abandon(request) }
}
