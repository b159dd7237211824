/// Reading records, up to the durable end.
extension Partition {
    /// Reads records from `start` on: at most `maxRecords`, and no further batch once their keys and values come to
    /// `maxBytes`. Empty at the durable end. Does not wait.
    ///
    /// Throws `offsetOutOfRange`, `damaged`, and `unreadable` for a batch whose codec is not read here. Where records lie
    /// before such a batch they are returned, and the call that goes on from there throws.
    public func read(
        from start: StartPosition, maxRecords: Int = .max, maxBytes: Int = 1 << 20
    ) throws(LogError) -> [StoredRecord] {
        var records: [StoredRecord] = []
        var bytes = 0
        do throws(LogError) {
            try scan(from: start) { record in
                guard records.count < maxRecords, bytes < maxBytes else { return false }
                bytes += (record.key?.byteCount ?? 0) + (record.value?.byteCount ?? 0)
                records.append(record.makeStoredRecord())
                return records.count < maxRecords
            }
        } catch {
            if records.isEmpty { throw error }
        }
        return records
    }

    /// Calls `body` with each record from `start` up to the durable end as it is now, or `limit`, until it returns
    /// false. Keys and values are views into the batch's bytes: none is copied. Every batch's checksum is checked.
    ///
    /// Throws as `read` does. Returns the offset to go on from.
    @discardableResult
    public func scan(
        from start: StartPosition, to limit: Offset? = nil, _ body: (borrowing RecordView) -> Bool
    ) throws(LogError) -> Offset {
        let first = try offset(of: start)
        let limit = min(limit ?? end, end)
        var reader = BatchReader(self, from: first)
        var scratch = DecompressionBuffer()
        /// Where `body` or the limit ended the scan; nil: it goes on.
        var stop: Offset?
        while stop == nil, let bytes = try reader.nextBatch(before: limit) {
            do {
                let batch = try RecordBatchView(validating: bytes.bytes)
                if batch.header.attributes.isControl { continue }
                var cursor = try RecordCursor(batch, into: &scratch)
                try cursor.scan { record in
                    if record.offset < first { return true }
                    if record.offset >= limit {
                        stop = limit
                    } else if !body(record) {
                        stop = record.offset.advanced(by: 1)
                    }
                    return stop == nil
                }
            } catch {
                #if PLANTED_BUGS
                if PlantedBug.damagePassedOver.isPlanted { continue }
                #endif
                guard let header = try? RecordBatchHeader(parsing: bytes.bytes) else {
                    throw .unreadable(offset: first, error)
                }
                if case .checksumMismatch = error { throw reader.damageOfLast(header) }
                throw .unreadable(offset: max(first, header.baseOffset), error)
            }
        }
        return stop ?? max(first, limit)
    }

    /// All records from `start` on, and then those that are appended, as they become durable.
    ///
    ///     for try await record in partition.records(from: .latest) { … }
    ///
    /// Ends when the task is cancelled; throws as `read` does, and `closed` when the log is closed.
    public func records(from start: StartPosition) -> RecordSequence { RecordSequence(self, from: start) }
}
