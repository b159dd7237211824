/// How the records of a batch are compressed: bits 0–2 of its attributes. `RecordFormat` itself encodes and decodes
/// `none` and `lz4`; the others are recognised, checked by their checksum and carried as they came.
public enum Compression: UInt8, Sendable, CaseIterable {
    case none = 0
    case gzip = 1
    case snappy = 2
    case lz4 = 3
    case zstd = 4

    /// The name in Kafka's settings (`compression.type`).
    public var name: String {
        switch self {
        case .none: "none"
        case .gzip: "gzip"
        case .snappy: "snappy"
        case .lz4: "lz4"
        case .zstd: "zstd"
        }
    }
}
