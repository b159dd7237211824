internal import NIOCore
internal import RecordFormat

/// Makes batches of payloads.
final class BatchEncoder {
    private let payloads: Payloads
    private var builder: RecordBatchBuilder
    private var next = 0
    private let bytesMax: Int

    struct Batch {
        var bytes: ByteBuffer
        var records: Int
        var payloadBytes: Int
    }

    /// More than a record takes beside its key and value.
    private static let recordOverhead = 12

    /// - Parameter bytesMax: of a batch before compression; one record has room in any case.
    init(_ payloads: Payloads, _ compression: Compression, bytesMax: Int) {
        self.payloads = payloads
        self.bytesMax = bytesMax
        builder = RecordBatchBuilder(compression: compression)
    }

    /// About how many records are a full batch.
    var fullCount: Int {
        max(1, (bytesMax - RecordBatchLayout.headerSize) / (payloads.averageBytes + Self.recordOverhead))
    }

    /// - Parameters:
    ///   - countMax: as many records, or those for which there is room.
    ///   - mark: the key of the record of that number in the batch; nil: none has one.
    func next(
        countMax: Int, timestamp: Int64, mark: ((Int) -> RecordMark)? = nil
    ) throws(LoadError) -> Batch {
        builder.reset()
        var payloadBytes = 0
        while builder.count < countMax {
            let size = payloads.byteCount(next) + Self.recordOverhead + (mark == nil ? 0 : RecordMark.byteCount)
            guard builder.count == 0 || builder.estimatedByteCount + size <= bytesMax else { break }
            payloads.withValue(next) { value in
                if let mark {
                    mark(builder.count).withBytes { append($0, value, timestamp) }
                } else {
                    append(nil, value, timestamp)
                }
                payloadBytes += value.count
            }
            next = (next + 1) % payloads.count
        }
        do throws(BatchError) {
            try builder.finish()
        } catch {
            throw .invalidAnswer(api: "Produce", reason: "\(error)")
        }
        return Batch(
            bytes: builder.withUnsafeBytes { ByteBuffer(bytes: $0) }, records: builder.count, payloadBytes: payloadBytes
        )
    }

    private func append(_ key: UnsafeRawBufferPointer?, _ value: UnsafeRawBufferPointer, _ timestamp: Int64) {
        let time = Timestamp(milliseconds: timestamp)
        if let key {
            builder.append(key: RawSpan(_unsafeBytes: key), value: RawSpan(_unsafeBytes: value), timestamp: time)
        } else {
            builder.append(key: nil, value: RawSpan(_unsafeBytes: value), timestamp: time)
        }
    }

    /// So many full batches, made in advance: they cost nothing while they are sent.
    func pool(bytesMax: Int, countMax: Int) throws(LoadError) -> [Batch] {
        var pool: [Batch] = []
        var bytes = 0
        while pool.count < 2 || (pool.count < countMax && bytes < bytesMax) {
            let batch = try next(countMax: .max, timestamp: LoadClock.milliseconds)
            bytes += batch.bytes.readableBytes
            pool.append(batch)
        }
        return pool
    }
}

/// What the key of a record says where its way to a consumer is timed: which run it belongs to, and its number there.
///
///     0   UInt64  run
///     8   Int64   number
struct RecordMark: Hashable {
    static let byteCount = 16
    var run: UInt64
    var number: Int

    init(run: UInt64, number: Int) {
        self.run = run
        self.number = number
    }

    init?(_ key: RawSpan) {
        guard key.byteCount == Self.byteCount else { return nil }
        run = UInt64(bigEndian: key.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self))
        number = Int(Int64(bigEndian: key.unsafeLoadUnaligned(fromByteOffset: 8, as: Int64.self)))
    }

    func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        withUnsafeBytes(of: (run.bigEndian, Int64(number).bigEndian), body)
    }
}
