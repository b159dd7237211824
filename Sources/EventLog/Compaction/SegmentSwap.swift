internal import Logging
internal import Storage

/// Exchanges sealed segments of a partition that follow each other for one that is written anew: while that is written
/// readers, appends and checkpoints go on, and the exchange itself is one step. A crash at any point leaves the old ones or
/// the new one.
///
///     let swap = try SegmentSwap.begin(partition, replacing: segments)
///     try swap.append(batch, header) …
///     try swap.commit()
///
/// Used by one thread. See docs/FORMAT.md, "Exchange of segments".
final class SegmentSwap {
    /// Of the new segment, and of the first that it replaces.
    let base: Offset
    /// Of the segment after those that it replaces: the last batch must end right before it.
    let nextBase: Offset
    /// Written so far, in bytes.
    var byteCount: Int { writer.byteCount }
    /// The offset after the last batch.
    var end: Offset { writer.end }

    private let partition: Partition
    private let replaced: [Segment]
    private let fileSystem: any FileSystem
    private var writer: RewrittenSegment

    /// Throws `closed` and `storage` where the partition exchanges nothing, `offsetOutOfRange` where the segments were
    /// deleted meanwhile.
    static func begin(_ partition: Partition, replacing replaced: [Segment]) throws(LogError) -> SegmentSwap {
        guard let checkpointer = partition.checkpointer else { throw .closed }
        var swap: SegmentSwap?
        // Names change in the turn alone: whoever removes the directory of a topic must not meet a new one.
        try checkpointer.exclusively { () throws(LogError) in
            guard let first = replaced.first, let last = replaced.last, try partition.mayExchange(replaced),
                let next = partition.segment(after: last)
            else {
                throw .offsetOutOfRange(
                    requested: replaced.first?.baseOffset ?? 0, start: partition.logStart, end: partition.end)
            }
            swap = try storage { () throws(FileError) in
                try SegmentSwap(partition, replaced, base: first.baseOffset, nextBase: next.baseOffset)
            }
        }
        guard let swap else { throw .closed }
        return swap
    }

    private init(_ partition: Partition, _ replaced: [Segment], base: Offset, nextBase: Offset) throws(FileError) {
        self.partition = partition
        self.replaced = replaced
        self.base = base
        self.nextBase = nextBase
        fileSystem = partition.environment.fileSystem
        let path = "\(partition.directory)/\(SegmentFiles.rewrittenLog(base))"
        if fileSystem.exists(path) { try fileSystem.remove(path) }
        writer = RewrittenSegment(
            base: base, file: try fileSystem.open(path, .create), indexInterval: partition.settings.indexIntervalBytes)
    }

    /// Takes a whole batch; offsets must ascend. Throws `diskFull`, `storage`: then there is only `abort`.
    func append(_ batch: UnsafeRawBufferPointer, _ header: RecordBatchHeader) throws(LogError) {
        try writer.append(batch, header)
    }

    /// Gives up what was written.
    func abort() {
        partition.checkpointer?.exclusively { removeRewritten() }
    }

    /// The names of a partition that is gone may be another one's; those of an exchange that waits are to be found.
    private func removeRewritten() {
        switch partition.failure {
        case .closed, .unknownTopic: return
        default: break
        }
        if !partition.exchangesAreHalted { try? files.removeRewritten() }
    }

    var files: SwapFiles {
        SwapFiles(
            directory: partition.directory, fileSystem: fileSystem,
            manifest: SwapManifest(
                segmentCRC: writer.crc, segmentBytes: writer.byteCount, replaced: replaced.map(\.baseOffset)))
    }

    /// Puts the new segment in the place of the old ones. False: they are not the partition's any more, and nothing has
    /// changed.
    ///
    /// Where it throws, the old segments are in force, and nothing is left of the new one. But where taking that back fails
    /// too, or nobody knows whether the new one's name will stay, opening the log decides, and this partition exchanges no
    /// more until then.
    func commit() throws(LogError) -> Bool {
        do throws(LogError) { try finishWriting() } catch {
            abort()
            throw error
        }
        guard let checkpointer = partition.checkpointer else { throw .closed }
        var isExchanged = false
        try checkpointer.exclusively { () throws(LogError) in
            guard try mayExchange(checkpointer) else { return removeRewritten() }
            try storage { () throws(FileError) in try place() }
            isExchanged = true
            removeReplaced(checkpointer.logger)
        }
        return isExchanged
    }

    /// Makes the new segment durable, as far as its bytes go.
    func finishWriting() throws(LogError) { try writer.finish(before: nextBase) }

    private func mayExchange(_ checkpointer: Checkpointer) throws(LogError) -> Bool {
        do throws(LogError) {
            try storage { () throws(FileError) in try checkpointer.checkSound() }
            return try partition.mayExchange(replaced)
        } catch {
            removeRewritten()
            throw error
        }
    }

    /// Up to where readers see the new segment. Its name is durable by then, so that no crash takes them back to the old ones.
    private func place() throws(FileError) {
        let files = files
        do throws(FileError) {
            for segment in replaced { try segment.retire() }
            try files.announce()
            try files.place()
        } catch {
            do throws(FileError) {
                try files.withdraw()
                for segment in replaced { segment.reinstate() }
            } catch { halt(error) }
            fenceWhereLost(error)
            throw error
        }
        // A disk that takes no index has the batches still, and a reader makes it.
        if (try? writer.writeIndexes(in: partition.directory, fileSystem)) == nil {
            try? files.removeIndexes(of: base)
        }
        do throws(FileError) { try files.settlePlace() } catch {
            // Readers go on with the old ones, which are open: see `Segment.retire`.
            halt(error)
            throw error
        }
        let interval = partition.settings.indexIntervalBytes
        let new = Segment(sealed: base, in: partition.directory, fileSystem, indexInterval: interval)
        partition.exchange(replaced, for: new)
    }

    /// Takes the old segments away. What fails here, opening the log does.
    private func removeReplaced(_ logger: Logger) {
        do throws(FileError) {
            try files.removeReplaced()
            try files.finish()
        } catch {
            halt(error)
            logger.warning(
                "an exchange of segments waits for the log to be opened again",
                metadata: partition.metadata("error", "\(error)"))
        }
    }

    /// Opening the log decides, and this partition exchanges no more until then.
    private func halt(_ error: FileError) {
        partition.haltExchanges()
        fenceWhereLost(error)
    }

    /// A sync of the directory that failed may have lost the names of other segments too, which rounds of the journal are in.
    private func fenceWhereLost(_ error: FileError) {
        if error.operation == .synchronize, error.path == partition.directory { partition.fence(error) }
    }
}
