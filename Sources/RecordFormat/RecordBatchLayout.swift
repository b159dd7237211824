/// Kafka's record batch, message format v2: the byte positions of its header's fields. All integers are big-endian.
/// docs/FORMAT.md, "Record batches", has an example.
///
///     0   Int64   baseOffset            of the first record
///     8   Int32   batchLength           bytes from here on: the batch takes 12 more
///     12  Int32   partitionLeaderEpoch
///     16  Int8    magic                 2
///     17  UInt32  crc                   CRC32C from `attributes` to the end
///     21  Int16   attributes            `RecordAttributes`
///     23  Int32   lastOffsetDelta       of the last record, from baseOffset
///     27  Int64   baseTimestamp         milliseconds; the records' are relative to it
///     35  Int64   maxTimestamp
///     43  Int64   producerID            -1: none
///     51  Int16   producerEpoch
///     53  Int32   baseSequence          -1: none
///     57  Int32   recordCount
///     61  records, compressed as the attributes say
public enum RecordBatchLayout {
    public static let baseOffset = 0, batchLength = 8, partitionLeaderEpoch = 12, magic = 16, crc = 17
    public static let attributes = 21, lastOffsetDelta = 23, baseTimestamp = 27, maxTimestamp = 35
    public static let producerID = 43, producerEpoch = 51, baseSequence = 53, recordCount = 57
    public static let headerSize = 61
    /// What `batchLength` does not count.
    public static let lengthPrefix = 12
    /// The only magic number that is served: 0 and 1 are Kafka's formats before 0.11.
    public static let currentMagic: UInt8 = 2
}
