/// Why bytes are no record batch, or not one that can be read here.
public enum BatchError: Error, Equatable, Sendable {
    case truncated(needed: Int, have: Int)
    case unsupportedMagic(UInt8)
    /// `batchLength` says less than a header takes.
    case badLength(Int)
    case checksumMismatch(stored: UInt32, computed: UInt32)
    case badRecordCount(Int32)
    case badRecord(index: Int, RecordProblem)
    /// A codec other than none and lz4, by its number in the attributes.
    case unsupportedCompression(UInt8)
    case badCompressedData(LZ4Problem)
    case decompressedTooLarge(limit: Int)
    /// A batch that was built has more bytes than its length field can say.
    case tooLarge(bytes: Int)

    /// What is wrong with a record.
    public enum RecordProblem: String, Error, Sendable {
        case truncated = "it is cut"
        case badVarint = "a number in it takes too many bytes"
        case badLength = "a length in it does not fit"
        case badOffset = "its offset does not follow the one before"
        case bytesAfterEnd = "bytes follow after the last record"
    }

    /// What is wrong with an LZ4 frame.
    public enum LZ4Problem: String, Sendable {
        case notAFrame = "it is not an LZ4 frame"
        case badHeader = "the frame's header is damaged"
        case truncated = "the frame is cut"
        case badBlock = "a block is damaged"
        case bytesAfterEnd = "bytes follow after the frame"
    }
}

extension BatchError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .truncated(let needed, let have): "the batch is cut: it takes \(needed) bytes, and there are \(have)"
        case .unsupportedMagic(let magic):
            "message format \(magic) is not served, only 2: use a client of Kafka 0.11 or later"
        case .badLength(let length): "a batch length of \(length) is not possible"
        case .checksumMismatch(let stored, let computed):
            "the checksum is \(hexadecimal(computed)) where the batch says \(hexadecimal(stored)): it was damaged"
        case .badRecordCount(let count): "a count of \(count) records does not fit the batch"
        case .badRecord(let index, let problem): "record \(index) of the batch is wrong: \(problem.rawValue)"
        case .unsupportedCompression(let codec):
            "records compressed by \(Compression(rawValue: codec)?.name ?? "codec \(codec)") are not decoded here, "
                + "only none and lz4: read them with a Kafka client that has the codec"
        case .badCompressedData(let problem): "the compressed records are wrong: \(problem.rawValue)"
        case .decompressedTooLarge(let limit): "the records take more than \(limit) bytes when decompressed"
        case .tooLarge(let bytes): "\(bytes) bytes are more than a batch can have: put fewer records into it"
        }
    }

    private func hexadecimal(_ value: UInt32) -> String { "0x" + String(value, radix: 16) }
}
