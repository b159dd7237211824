internal import NIOCore

/// The answers of a connection that are not sent yet, in the order of their requests.
struct ReplyQueue {
    private var entries = CircularBuffer<Entry>()
    /// Of the requests, and of the answers that are ready: small requests may have large ones.
    private(set) var byteCount = 0
    /// The sequence number of the first.
    private(set) var firstSequence: UInt64 = 0

    private struct Entry {
        var reply = PendingReply.waiting
        var byteCount: Int
        /// True: its round is waited for already.
        var isListed = false
    }

    var count: Int { entries.count }
    var isEmpty: Bool { entries.isEmpty }
    var nextSequence: UInt64 { firstSequence + UInt64(entries.count) }
    var first: PendingReply? { entries.first?.reply }

    /// Takes the next place. Every request but those that get no answer does so once.
    mutating func expect(_ call: Call) {
        precondition(call.sequence == nextSequence, "answers are asked for in order")
        entries.append(Entry(byteCount: call.byteCount))
        byteCount += call.byteCount
    }

    mutating func place(_ reply: PendingReply, at call: Call) {
        guard call.sequence >= firstSequence else { return }
        let index = Int(call.sequence - firstSequence)
        guard index < entries.count else { return }
        let place = entries.index(entries.startIndex, offsetBy: index)
        entries[place].reply = reply
        guard case .ready(let reply) = reply else { return }
        entries[place].byteCount += reply.buffer.readableBytes
        byteCount += reply.buffer.readableBytes
    }

    /// False: it is listed for its round already.
    mutating func listFirst() -> Bool {
        guard !entries[entries.startIndex].isListed else { return false }
        entries[entries.startIndex].isListed = true
        return true
    }

    mutating func removeFirst() {
        byteCount -= entries.removeFirst().byteCount
        firstSequence += 1
    }

    mutating func removeAll() {
        entries = []
        byteCount = 0
    }
}
