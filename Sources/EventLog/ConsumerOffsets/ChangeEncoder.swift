/// Makes one batch of a change's records. Keeps its memory.
struct ChangeEncoder: ~Copyable {
    private var writers = RecordWriters()
    private var builder = RecordBatchBuilder(compression: .none)

    /// Changes of more records than this are compressed: what a client commits is too small for that to pay.
    private static let uncompressedMax = 8

    /// Encodes the entries and passes the batch on. `before`: what was there under the key of an offset.
    mutating func withBatch<R>(
        _ change: GroupChange, of group: String, at now: Timestamp, pool: BuilderPool,
        before: (GroupKey) -> Offset?, body: (UnsafeRawBufferPointer) throws(BatchError) -> R
    ) throws(BatchError) -> R {
        guard change.entries.count > Self.uncompressedMax else {
            defer { builder.reset() }
            writers.add(change, of: group, at: now, before: before, to: &builder)
            try builder.finish()
            return try builder.withUnsafeBytes(body)
        }
        let pooled = pool.take(compression: .lz4)
        defer { pool.give(back: pooled) }
        writers.add(change, of: group, at: now, before: before, to: &pooled.builder)
        try pooled.builder.finish()
        return try pooled.builder.withUnsafeBytes(body)
    }
}

/// Memory for a key and a value.
private struct RecordWriters {
    private var key = SchemaWriter()
    private var value = SchemaWriter()

    mutating func add(
        _ change: GroupChange, of group: String, at now: Timestamp, before: (GroupKey) -> Offset?,
        to builder: inout RecordBatchBuilder
    ) {
        var headers = [RecordHeader(name: ChangeAuthor.headerName, value: change.author.bytes)]
        for entry in change.entries {
            entry.key.encode(of: group, into: &key)
            let hasValue = entry.stamped(at: now).encodeValue(into: &value)
            if var note = change.note {
                note.before = before(entry.key)
                headers = Array(headers.prefix(1)) + [RecordHeader(name: ChangeNote.headerName, value: note.bytes)]
            }
            if hasValue {
                builder.append(
                    key: key.bytes.span.bytes, value: value.bytes.span.bytes, headers: headers, timestamp: now)
            } else {
                builder.append(key: key.bytes.span.bytes, value: nil, headers: headers, timestamp: now)
            }
        }
    }
}
