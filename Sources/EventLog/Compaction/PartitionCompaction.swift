internal import RecordFormat

/// One pass over a partition: reads the keys of its dirty part, then writes its segments anew without the records that
/// later ones of their key replace, from the oldest on. Each group of segments is exchanged as soon as it is written, so
/// a pass that ends early leaves what it has done; wherever it ends, the last record of each key is there.
struct PartitionCompaction: ~Copyable {
    private let partition: Partition
    private let settings: TopicSettings
    private let summaries: [CompactionPlan.SegmentSummary]
    /// The same.
    private let segments: [Segment]
    private var selection: RecordSelection
    private var filter = RecordBatchFilter()
    /// Of the batch that was last looked at.
    private var leaderEpoch: Int32 = 0
    private var result: PartitionCompactionResult

    private init(
        _ work: PartitionWork, _ dirty: consuming DirtyPart, at now: Timestamp, _ result: PartitionCompactionResult
    ) {
        partition = work.partition
        settings = work.settings
        summaries = work.plan.segments
        segments = work.segments
        selection = RecordSelection(dirty, of: work.partition, work.settings, at: now)
        self.result = result
    }

    /// Runs a pass; `result` says what was done, also where it ended early.
    static func run(
        _ work: PartitionWork, at now: Timestamp, _ limits: CompactionLimits, _ hasher: KeyHasher,
        _ control: inout CompactionControl, _ result: inout PartitionCompactionResult
    ) throws(CompactionInterruption) {
        let plan = work.plan
        result.segmentsBefore = work.segments.count
        result.segmentsAfter = work.segments.count
        guard var dirty = DirtyPart(work, limits, hasher) else {
            throw .failed(.storage("there is no memory for a partition's keys: give the process more"))
        }
        var scratch = DecompressionBuffer()
        for (segment, summary) in zip(work.segments, plan.segments) where summary.nextBase > plan.dirtyStart {
            try dirty.add(segment, summary, &control, into: &scratch)
            if dirty.isMapFull { break }
        }
        dirty.finish()
        result.bytesRead = dirty.bytesRead
        result.keyCount = dirty.map.count
        result.firstUnreadable = dirty.firstUnreadable?.offset
        let (end, isMapFull) = (dirty.end, dirty.isMapFull)
        var pass = PartitionCompaction(work, dirty, at: now, result)
        defer { result = pass.result }
        try pass.rewriteAll(&control)
        pass.result.cleanedTo = end
        pass.result.isUnfinished = isMapFull
        work.partition.finishCompaction(cleanedTo: end, nextHorizon: pass.selection.nextHorizon)
    }

    private mutating func rewriteAll(_ control: inout CompactionControl) throws(CompactionInterruption) {
        let end = selection.dirty.end
        let groups = CompactionPlan.groups(
            summaries.filter { $0.base < end }, expectedBytes: { selection.dirty.expectedBytes(of: $0) },
            segmentBytes: settings.segmentBytes)
        for group in groups { try rewrite(group, &control) }
    }

    /// Writes a group of segments anew, and exchanges them. One segment by itself is written from the first batch on that
    /// does not stay as it is, and not at all where every one does.
    private mutating func rewrite(_ group: Range<Int>, _ control: inout CompactionControl)
        throws(CompactionInterruption)
    {
        var output = group.count > 1 ? try begin(group) : nil
        do throws(CompactionInterruption) {
            for index in group { try copy(index, in: group, to: &output, &control) }
            if let output { try fillGap(output) }
        } catch {
            output?.abort()
            throw error
        }
        guard let output else { return }
        let bytes = output.byteCount
        guard try interrupting({ () throws(LogError) in try output.commit() }) else { throw .gone }
        result.bytesWritten += bytes
        result.segmentsAfter -= group.count - 1
    }

    private func begin(_ group: Range<Int>) throws(CompactionInterruption) -> SegmentSwap {
        try interrupting { () throws(LogError) in
            try SegmentSwap.begin(partition, replacing: Array(segments[group]))
        }
    }

    private mutating func copy(
        _ index: Int, in group: Range<Int>, to output: inout SegmentSwap?, _ control: inout CompactionControl
    ) throws(CompactionInterruption) {
        var scan = try SegmentScan(segments[index], summaries[index])
        while let batch = try scan.nextHeader() {
            leaderEpoch = batch.header.partitionLeaderEpoch
            let treatment = selection.treatment(of: batch.header)
            switch treatment {
            case .drop, .dropIfRewritten:
                scan.skip(batch)
                try control.pass(RecordBatchLayout.headerSize)
                if treatment == .dropIfRewritten, output == nil { continue }
                if output == nil { output = try beginBehind(batch, index, group) }
                if let output { try drop(batch.header, output) }
            case .keep:
                let bytes = try scan.take(batch)
                try control.pass(bytes.count)
                result.bytesRead += bytes.count
                if let output { try append(bytes, batch.header, output) }
                result.recordsKept += Int(batch.header.recordCount)
            case .open:
                let bytes = try scan.take(batch)
                try control.pass(bytes.count)
                result.bytesRead += bytes.count
                let outcome = filter(bytes)
                if outcome == .unchanged, output == nil {
                    result.recordsKept += Int(batch.header.recordCount)
                    continue
                }
                if output == nil { output = try beginBehind(batch, index, group) }
                if let output { try put(outcome, bytes, batch.header, output) }
            }
        }
    }

    /// Begins to write a segment that stays as it is up to `batch`.
    private mutating func beginBehind(
        _ batch: BatchLocation, _ index: Int, _ group: Range<Int>
    ) throws(CompactionInterruption) -> SegmentSwap {
        let output = try begin(group)
        do throws(CompactionInterruption) {
            var scan = try SegmentScan(segments[index], summaries[index], to: batch.position)
            while let batch = try scan.nextHeader() { try append(try scan.take(batch), batch.header, output) }
        } catch {
            output.abort()
            throw error
        }
        return output
    }

    private mutating func filter(_ bytes: UnsafeRawBufferPointer) -> RecordBatchFilter.Outcome {
        do { return try selection.filter(RecordBatchView(trusting: bytes.bytes), by: &filter) } catch {
            // Its checksum is right: so it came, and so it stays.
            selection.keepUnreadable()
            return .unchanged
        }
    }

    private mutating func put(
        _ outcome: RecordBatchFilter.Outcome, _ bytes: UnsafeRawBufferPointer, _ header: RecordBatchHeader,
        _ output: SegmentSwap
    ) throws(CompactionInterruption) {
        switch outcome {
        case .unchanged:
            result.recordsKept += Int(header.recordCount)
            try append(bytes, header, output)
        case .changed:
            let left = try appendFiltered(to: output)
            result.recordsKept += Int(left.recordCount)
            result.recordsDropped += Int(header.recordCount - left.recordCount)
        case .empty: try drop(header, output)
        }
    }

    private mutating func drop(_ header: RecordBatchHeader, _ output: SegmentSwap) throws(CompactionInterruption) {
        result.recordsDropped += Int(header.recordCount)
        guard selection.isProducersLast(header) else { return }
        filter.makeEmpty(header)
        _ = try appendFiltered(to: output)
    }

    /// What no batch stands for at the end, an empty one does: from segment to segment there is no gap.
    private mutating func fillGap(_ output: SegmentSwap) throws(CompactionInterruption) {
        guard output.end < output.nextBase else { return }
        guard output.nextBase.distance(from: output.end) <= EmptyRecordBatch.offsetsMax else {
            throw .failed(.storage("no batch can stand for offsets \(output.end) to \(output.nextBase)"))
        }
        try EmptyRecordBatch.withBytes(
            from: output.end, through: output.nextBase.advanced(by: -1), leaderEpoch: leaderEpoch
        ) { bytes throws(CompactionInterruption) in
            let header = try interrupting { () throws(LogError) in try bytes.batchHeader() }
            try append(bytes, header, output)
        }
    }

    private func appendFiltered(to output: SegmentSwap) throws(CompactionInterruption) -> RecordBatchHeader {
        try filter.withUnsafeBytes { bytes throws(CompactionInterruption) in
            let header = try interrupting { () throws(LogError) in try bytes.batchHeader() }
            try append(bytes, header, output)
            return header
        }
    }

    private func append(
        _ bytes: UnsafeRawBufferPointer, _ header: RecordBatchHeader, _ output: SegmentSwap
    ) throws(CompactionInterruption) {
        try interrupting { () throws(LogError) in try output.append(bytes, header) }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func batchHeader() throws(LogError) -> RecordBatchHeader {
        do { return try RecordBatchHeader(parsing: bytes) } catch { throw .corruptBatch(error) }
    }
}

/// Runs what the log does in a pass, and says why the pass ends where it fails.
func interrupting<R>(_ body: () throws(LogError) -> R) throws(CompactionInterruption) -> R {
    do { return try body() } catch {
        switch error {
        case .closed, .unknownTopic, .offsetOutOfRange: throw .gone
        default: throw .failed(error)
        }
    }
}
