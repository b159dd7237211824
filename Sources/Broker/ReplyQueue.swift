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
        private var reply: PendingReply
        /// Beside the answer, which need not be looked into, and copied for that.
        private(set) var wait: Wait
        var byteCount: Int
        /// True: its round is waited for already.
        var isListed = false

        init(_ reply: PendingReply, byteCount: Int) {
            self.reply = reply
            wait = Wait(reply)
            self.byteCount = byteCount
        }

        mutating func place(_ reply: PendingReply) {
            self.reply = reply
            wait = Wait(reply)
        }

        /// Moves the answer out.
        mutating func take() -> PendingReply {
            var taken = PendingReply.waiting
            swap(&taken, &reply)
            return taken
        }
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

        fileprivate init(_ reply: PendingReply) {
            switch reply {
            case .waiting: self = .work
            case .ready: self = .nothing
            case .appended(let reply): self = .round(reply.round, onDisk: reply.waitsForDisk)
            }
        }
    }

    var wait: Wait { isEmpty ? .request : entries[head].wait }

    /// Takes the next place. Every request but those that get no answer does so once.
    mutating func expect(_ call: Call) {
        precondition(call.sequence == nextSequence, "answers are asked for in order")
        append(.waiting, byteCount: call.byteCount)
    }

    /// Takes the next place with an answer.
    mutating func append(_ reply: PendingReply, byteCount: Int) {
        entries.append(Entry(reply, byteCount: byteCount))
        self.byteCount += byteCount
    }

    mutating func place(_ reply: PendingReply, at call: Call) {
        guard call.sequence >= firstSequence else { return }
        let distance = call.sequence - firstSequence
        guard distance < UInt64(count) else { return }
        let place = head + Int(distance)
        entries[place].place(reply)
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
        let reply = entries[head].take()
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
