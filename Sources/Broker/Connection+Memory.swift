internal import Logging
internal import NIOCore

/// What a connection holds of the broker's memory, and how it waits for more.
extension Connection {
    /// Whether there is memory to read on, or for the rest of a request that is all that it holds.
    var hasMemory: Bool {
        if loop.memory.hasRoom(for: heldBytes) { return true }
        guard pending.isEmpty, output.unsentBytes == 0, let rest = frames.missingBytes else { return false }
        return loop.memory.hasRoom(forRest: rest)
    }

    /// So much each request counts for that waits for its answer, besides what it says: what the broker keeps of it.
    private static let requestOverhead = 512

    /// Tells the broker's budget what this connection holds by now: where that has changed, by one atomic addition.
    func settle() {
        if output.unsentBytes > 0 {
            output.noteUnsent((try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0)
        }
        // What was under way when it left holds no place any more.
        let held =
            hasLeft
            ? 0
            : frames.heldBytes + pending.byteCount + pending.count * Self.requestOverhead + output.unsentBytes
                + (stalled?.byteCount ?? 0) + readBytes
        guard held != heldBytes else { return }
        loop.memory.add(held - heldBytes)
        heldBytes = held
    }

    /// What the channel keeps to read into, and as much for what the next read brings, while it may read. What it has read
    /// into stays as large as it was, though there are more connections by now.
    private var readBytes: Int {
        let byteCount = ReceiveAllocator.byteCount(context.connectionCount, loop.memory)
        return max(byteCount, readBytesMax) + (isReadHeld ? 0 : byteCount)
    }

    /// Where nothing else wakes it: it is looked at again a little later. Whether memory is still short does not matter:
    /// others may have given some back, or this one by holding still, since it was found so.
    func waitForMemory() {
        guard memoryWaitBegin == nil, !isClosed, !isPausedByItself else { return }
        memoryWaitBegin = .now()
        // It must not wait for what it only has not given back.
        frames.tighten()
        settle()
        loop.waitForMemory(self)
    }

    func stopWaitingForMemory() {
        guard memoryWaitBegin != nil else { return }
        memoryWaitBegin = nil
        loop.stopWaitingForMemory(self)
    }

    /// Reads on where there is memory again.
    func retryForMemory() {
        guard hasMemory else { return }
        stopWaitingForMemory()
        resume()
    }

    /// What it holds, to those that look for memory: not what it is read into, which depends on when it came.
    func memoryHold(at now: NIODeadline) -> MemoryHold {
        MemoryHold(
            byteCount: isClosed ? 0 : max(0, heldBytes - readBytes), wait: memoryWaitBegin.map { now - $0 },
            clientDelay: clientDelay(at: now))
    }

    private func clientDelay(at now: NIODeadline) -> TimeAmount {
        let sending = isAwaitingClient ? now - max(lastRead, readBegin) : .zero
        let taking = output.unsentBytes == 0 ? .zero : now - output.lastSent
        return max(sending, taking)
    }

    func closeForMemory() {
        context.clientLog.write(
            .warning, "there is no memory left for clients: the one that holds most is closed",
            ["peer": "\(peer)", "holds": "\(heldBytes)", "limit": "memory.max.bytes=\(loop.memory.byteCountMax)"])
        closeNow()
    }
}
