import KafkaClient
import RecordFormat

/// Whole batches of one partition, as they are stored.
enum SourceChunk {
    case fetched(ConsumedBatch)
    /// One batch of a segment's file, and where it begins there.
    case stored(partition: Int, position: Int, [UInt8])
    case damaged(SourceDamage)

    /// Calls `body` with each batch, which is all there; its checksum is not looked at.
    func forEachBatch(_ body: (_ partition: Int, UnsafeRawBufferPointer) throws -> Void) throws {
        switch self {
        case .fetched(let fetched):
            try fetched.forEachBatch { bytes in try body(fetched.partition, bytes) }
        case .stored(let partition, _, let bytes):
            try bytes.withUnsafeBytes { try body(partition, $0) }
        case .damaged: break
        }
    }
}

/// A place in a source that cannot be read.
struct SourceDamage: Error, Hashable {
    var partition: Int
    /// The file and the byte in it, or the offset, and what is wrong there.
    var place: String
    var reason: String

    var line: String { "partition \(partition): \(place): \(reason)" }
}
