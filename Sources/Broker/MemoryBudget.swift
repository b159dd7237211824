internal import NIOCore
internal import Synchronization

/// What clients take of the broker's memory, all together: parts of requests that have come, requests that are worked
/// on, answers that wait to be sent, and what members of groups say of themselves. Where little is left connections are
/// not read, so that it grows no further.
///
/// A connection may hold as much as is free, but for a sixteenth of all. So what many hold between them always leaves as much
/// again for another: of n that want all they can get each ends at the (n+1)-th part, and as large a part stays for whoever
/// comes.
final class MemoryBudget: Sendable {
    private let limit: Atomic<Int>
    private let used = Atomic<Int>(0)

    /// Of the connections, by event loop.
    let holds = MemoryHoldsOfLoops()

    init(limit: Int) { self.limit = Atomic(limit) }

    /// Of what is used, what stays when all requests are answered.
    private let kept = Atomic<Int>(0)

    /// In bytes. What is kept counts for as much as it may take: where the limit was lowered it is more, and still others
    /// are to be served.
    var byteCount: Int {
        used.load(ordering: .relaxed) - max(0, kept.load(ordering: .relaxed) - keptByteCountMax)
    }
    var byteCountMax: Int { limit.load(ordering: .relaxed) }

    /// What is free. A sixteenth always stays for what counts only once it is there: a request that is being read into
    /// arrays, the bytes of the read that has just gone past the limit.
    var freeByteCount: Int { byteCountMax - byteCountMax / 16 - byteCount }

    /// The share for what is kept: the rest is for requests.
    var keptByteCountMax: Int { byteCountMax / 4 }

    func limit(to byteCount: Int) { limit.store(byteCount, ordering: .relaxed) }

    func add(_ byteCount: Int) { used.wrappingAdd(byteCount, ordering: .relaxed) }

    /// The same of what stays longer than a request.
    func keep(_ byteCount: Int) {
        add(byteCount)
        kept.wrappingAdd(byteCount, ordering: .relaxed)
    }

    private let waiting = Atomic<Int>(0)
    /// The most that was used when somebody looked, since memory was given back last.
    private let peak = Atomic<Int>(0)
    private static let worthTrimming = 32 << 20

    /// When memory was given back last because somebody waited for some.
    private let scarceTrim = Atomic<UInt64>(0)
    private static let scarceTrimInterval = TimeAmount.seconds(1)
    /// Whether somebody has begun to wait since: most wait for a moment only, again and again.
    private let hasWaited = Atomic<Bool>(false)

    /// Whether it is time to give memory back to the system: true once.
    func takesTrim(at now: NIODeadline) -> Bool { takesTrimAfterPeak() || takesScarceTrim(at: now) }

    /// While clients fill all that there is, what malloc holds and nobody uses comes on top of it.
    private func takesScarceTrim(at now: NIODeadline) -> Bool {
        guard isWaitedFor || hasWaited.load(ordering: .relaxed) else { return false }
        let last = scarceTrim.load(ordering: .relaxed)
        guard last == 0 || now - .uptimeNanoseconds(last) >= Self.scarceTrimInterval,
            scarceTrim.compareExchange(expected: last, desired: now.uptimeNanoseconds, ordering: .relaxed).exchanged
        else { return false }
        hasWaited.store(false, ordering: .relaxed)
        return true
    }

    /// So much less is used than was that little of it will be used again soon.
    private func takesTrimAfterPeak() -> Bool {
        let now = used.load(ordering: .relaxed) - kept.load(ordering: .relaxed)
        let before = peak.load(ordering: .relaxed)
        if now >= before {
            peak.store(now, ordering: .relaxed)
            return false
        }
        guard before - now >= Self.worthTrimming, now < before / 4 else { return false }
        return peak.compareExchange(expected: before, desired: now, ordering: .relaxed).exchanged
    }

    /// Whether there are connections that are not read for want of memory.
    var isWaitedFor: Bool { waiting.load(ordering: .relaxed) > 0 }
    func beginWait() {
        waiting.wrappingAdd(1, ordering: .relaxed)
        hasWaited.store(true, ordering: .relaxed)
    }
    func endWait() { waiting.wrappingSubtract(1, ordering: .relaxed) }

    /// Whether one that holds so much may be read on.
    func hasRoom(for held: Int) -> Bool { held <= freeByteCount }

    /// Whether one may take so much more to be done with what it holds: half of what is free. Without that, many that
    /// hold nearly all of their requests would wait for each other, and one that is alone for itself.
    func hasRoom(forRest rest: Int) -> Bool {
        let free = freeByteCount
        return free >= 0 && rest <= free / 2
    }
}
