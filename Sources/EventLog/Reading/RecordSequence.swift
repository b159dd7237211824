internal import Synchronization

/// The records of a partition from a position on, following its tail. Made by `Partition.records(from:)`.
public struct RecordSequence: AsyncSequence, Sendable {
    public typealias Element = StoredRecord
    public typealias Failure = LogError

    private let partition: Partition
    private let start: StartPosition

    init(_ partition: Partition, from start: StartPosition) {
        self.partition = partition
        self.start = start
    }

    public func makeAsyncIterator() -> Iterator { Iterator(partition, start) }

    public struct Iterator: AsyncIteratorProtocol {
        private let partition: Partition
        private let start: StartPosition
        /// nil: the start position was not looked up yet.
        private var next: Offset?
        private var buffered: ArraySlice<StoredRecord> = []

        init(_ partition: Partition, _ start: StartPosition) {
            self.partition = partition
            self.start = start
        }

        public mutating func next() async throws(LogError) -> StoredRecord? {
            try await next(isolation: nil)
        }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws(LogError) -> StoredRecord? {
            while buffered.isEmpty {
                guard !Task.isCancelled else { return nil }
                let from = try position()
                if from >= partition.end {
                    if let failure = partition.failure { throw failure }
                    await TailWatcher(partition, past: from).wait()
                    continue
                }
                try fill(from: from)
            }
            return buffered.popFirst()
        }

        private mutating func position() throws(LogError) -> Offset {
            if let next { return next }
            let first = try partition.offset(of: start)
            next = first
            return first
        }

        /// A stretch at a time: what a batch costs is paid once for many records.
        private mutating func fill(from offset: Offset) throws(LogError) {
            var records: [StoredRecord] = []
            var bytes = 0
            do throws(LogError) {
                next = try partition.scan(from: .offset(offset)) { record in
                    bytes += (record.key?.byteCount ?? 0) + (record.value?.byteCount ?? 0)
                    records.append(record.makeStoredRecord())
                    return bytes < 256 << 10
                }
            } catch {
                // A damaged batch costs itself, not what lies before it.
                guard let last = records.last else { throw error }
                next = last.offset.advanced(by: 1)
            }
            buffered = records[...]
        }
    }
}

/// Waits once for a partition to grow, or for the task's end.
private final class TailWatcher: PartitionWatcher {
    private let partition: Partition
    private let offset: Offset
    private let state = Mutex(State.idle)

    private enum State {
        case idle
        case waiting(CheckedContinuation<Void, Never>)
        case done
    }

    init(_ partition: Partition, past offset: Offset) {
        self.partition = partition
        self.offset = offset
    }

    func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDone = state.withLock { state in
                    if case .done = state { return true }
                    state = .waiting(continuation)
                    return false
                }
                if isDone { return continuation.resume() }
                if !partition.watch(past: offset, self) { return finish() }
                // A cancellation in between found nothing to take back.
                if state.withLock({ if case .done = $0 { true } else { false } }) { partition.unwatch(self) }
            }
        } onCancel: {
            // First the state: whoever watches after this finds it done, and takes that back.
            finish()
            partition.unwatch(self)
        }
    }

    func partitionAdvanced() { finish() }

    private func finish() {
        let continuation: CheckedContinuation<Void, Never>? = state.withLock { state in
            defer { state = .done }
            if case .waiting(let continuation) = state { return continuation }
            return nil
        }
        continuation?.resume()
    }
}
