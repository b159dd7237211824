internal import NIOCore

/// The answers of a connection that are not sent yet, in the order of their requests.
struct ReplyQueue {
    /// From `head` on.
    private var entries: [Entry] = []
    private var head = 0
    /// Of the requests, and of the answers that are ready: small requests may have large ones.
    private(set) var byteCount = 0
    /// The sequence number of the first.
    private(set) var firstSequence: UInt64 = 0

    private struct Entry {
        var reply: PendingReply
        var byteCount: Int
        /// True: its round is waited for already.
        var isListed = false
    }

    var count: Int { entries.count - head }
    var isEmpty: Bool { count == 0 }
    var nextSequence: UInt64 { firstSequence + UInt64(count) }

    /// What the first answer waits for.
    enum Wait {
        /// There is none.
        case request
        /// Whoever works on it.
        case work
        case round(UInt64, onDisk: Bool)
        /// It is ready.
        case nothing
    }

    var wait: Wait {
        if isEmpty { return .request }
        switch entries[head].reply {
        case .waiting: return .work
        case .ready: return .nothing
        case .appended(let reply): return .round(reply.round, onDisk: reply.waitsForDisk)
        }
    }

    /// Takes the next place. Every request but those that get no answer does so once.
    mutating func expect(_ call: Call) {
        precondition(call.sequence == nextSequence, "answers are asked for in order")
        append(.waiting, byteCount: call.byteCount)
    }

    /// Takes the next place with an answer.
    mutating func append(_ reply: PendingReply, byteCount: Int) {
        entries.append(Entry(reply: reply, byteCount: byteCount))
        self.byteCount += byteCount
    }

    mutating func place(_ reply: PendingReply, at call: Call) {
        guard call.sequence >= firstSequence else { return }
        let distance = call.sequence - firstSequence
        guard distance < UInt64(count) else { return }
        let place = head + Int(distance)
        entries[place].reply = reply
        guard case .ready(let reply) = reply else { return }
        entries[place].byteCount += reply.buffer.readableBytes
        byteCount += reply.buffer.readableBytes
    }

    /// False: it is listed for its round already.
    mutating func listFirst() -> Bool {
        guard !entries[head].isListed else { return false }
        entries[head].isListed = true
        return true
    }

    @discardableResult
    mutating func removeFirst() -> PendingReply {
        precondition(!isEmpty, "an answer that nobody waits for")
        var reply = PendingReply.waiting
        swap(&reply, &entries[head].reply)
        byteCount -= entries[head].byteCount
        firstSequence += 1
        head += 1
        if head == entries.count {
            entries.removeAll(keepingCapacity: head <= Self.keptCount)
            head = 0
        } else if head > Self.keptCount, head > entries.count / 2 {
            entries.removeFirst(head)
            head = 0
        }
        return reply
    }

    /// Room for so many is kept when all are sent.
    private static let keptCount = 32

    mutating func removeAll() {
        entries = []
        head = 0
        byteCount = 0
    }
}
