/// A round of the journal: record batches of many partitions that became durable together, in one write.
///
/// All integers are big-endian; docs/FORMAT.md, "Rounds", has an example. A round begins at a multiple of 4096 bytes and is padded with zeros to one.
///
///     0   UInt64  magic            "MRTLROND"
///     8   UInt64  nonce            the journal's own, so that bytes of a payload cannot pass for a round
///     16  UInt32  version          1
///     20  UInt32  epoch            of the writer: one more each time the directory is opened
///     24  UInt64  sequence         one more each round
///     32  UInt32  payloadLength    bytes of record batches, from 64 on
///     36  UInt32  footerLength     bytes of the footer, which follows the payload
///     40  UInt32  entryCount       entries in the footer
///     44  UInt32  footerCRC        CRC32C of the footer
///     48  12 bytes of zeros
///     60  UInt32  headerCRC        CRC32C of bytes 0 to 59
///     64  payload, footer
enum RoundLayout {
    static let magic: UInt64 = 0x4D52_544C_524F_4E44
    static let version: UInt32 = 1
    static let magicField = 0, nonce = 8, versionField = 16, epoch = 20, sequence = 24
    static let payloadLength = 32, footerLength = 36, entryCount = 40, footerCRC = 44, headerCRC = 60
    static let headerSize = 64
}

/// An entry of a round's footer: bytes of one partition that lie in one segment, one after the other.
///
///     0   UInt64  topicHigh, 8 UInt64 topicLow   the topic's id
///     16  UInt32  partition
///     20  UInt32  runCount         pieces of the payload, in order
///     24  Int64   segment          base offset of the segment
///     32  UInt64  position         where the bytes begin in the segment's file
///     40  Int64   baseOffset       of the first batch
///     48  Int64   endOffset        the offset after the last record
///     56  UInt32  crc              CRC32C of the bytes
///     60  UInt32  byteCount
///     64  runs: UInt32 position in the payload, UInt32 length
enum RoundEntryLayout {
    static let topicHigh = 0, topicLow = 8, partition = 16, runCount = 20, segment = 24, position = 32
    static let baseOffset = 40, endOffset = 48, crc = 56, byteCount = 60, size = 64
    static let runSize = 8
}

/// Where bytes of a round belong.
struct RoundEntry: Equatable, Sendable {
    var topic: TopicID
    var partition: Int
    var segment: Offset
    var position: Int
    var baseOffset: Offset
    var endOffset: Offset
    var crc: UInt32 = 0
    var byteCount: Int = 0
}
