import RecordFormat
import Storage

/// Makes batches of the records that lines have, with the offsets that they have there. The same lines give the same
/// batches.
final class LineBatches {
    private var builders: [Int: Builder] = [:]
    private let take: (_ partition: Int, UnsafeRawBufferPointer) throws -> Void

    private final class Builder {
        var batch = RecordBatchBuilder(compression: .lz4)
        var base: Offset = 0
        /// Of the next record, where a line does not say.
        var next: Offset

        init(next: Offset) { self.next = next }
    }

    /// A batch has this many bytes before compression, or one record.
    private static let bytesTarget = 256 << 10

    init(starts: [Int: Offset], _ take: @escaping (_ partition: Int, UnsafeRawBufferPointer) throws -> Void) {
        self.take = take
        for (partition, start) in starts { builders[partition] = Builder(next: start) }
    }

    /// Throws `Failure` where the offset does not follow the one before; then nothing was taken.
    func add(_ record: RecordLine.Fields, to partition: Int, place: @autoclosure () -> String) throws {
        let builder = builders[partition] ?? Builder(next: 0)
        builders[partition] = builder
        let offset = record.offset ?? builder.next
        guard offset >= builder.next else {
            throw Failure(
                "\(place()): offset \(offset) of partition \(partition) does not follow the one before, which is "
                    + "\(builder.next.advanced(by: -1))", status: .damage)
        }
        // Within a batch offsets follow each other.
        if offset > builder.next || builder.batch.estimatedByteCount >= Self.bytesTarget {
            try finish(partition, builder)
        }
        if builder.batch.count == 0 { builder.base = offset }
        Self.append(record, to: &builder.batch)
        builder.next = offset.advanced(by: 1)
    }

    private static func append(_ record: RecordLine.Fields, to batch: inout RecordBatchBuilder) {
        let time = record.timestamp ?? .none
        // Four cases, because a span cannot leave the expression that makes it from a pointer.
        switch (record.key, record.value) {
        case (let key?, let value?):
            batch.append(key: key.bytes, value: value.bytes, headers: record.headers, timestamp: time)
        case (let key?, nil): batch.append(key: key.bytes, value: nil, headers: record.headers, timestamp: time)
        case (nil, let value?): batch.append(key: nil, value: value.bytes, headers: record.headers, timestamp: time)
        case (nil, nil): batch.append(key: nil, value: nil, headers: record.headers, timestamp: time)
        }
    }

    /// What is left.
    func finish() throws {
        for (partition, builder) in builders.sorted(by: { $0.key < $1.key }) { try finish(partition, builder) }
    }

    private func finish(_ partition: Int, _ builder: Builder) throws {
        guard builder.batch.count > 0 else { return }
        try builder.batch.finish(baseOffset: builder.base)
        var failure: (any Error)?
        builder.batch.withUnsafeBytes { bytes in
            do { try take(partition, bytes) } catch { failure = error }
        }
        if let failure { throw failure }
        builder.batch.reset()
    }
}
