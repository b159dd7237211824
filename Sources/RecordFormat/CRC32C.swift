internal import CInstructions

/// CRC32C (Castagnoli, as in iSCSI and Kafka's batches) of `bytes`, going on from `seed`: 0 for the first piece, the
/// last result for the next.
public func crc32c(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
    guard let start = bytes.baseAddress else { return seed }
    return martlet_crc32c(seed, start, bytes.count)
}

public func crc32c(_ bytes: RawSpan, seed: UInt32 = 0) -> UInt32 {
    bytes.withUnsafeBytes { crc32c($0, seed: seed) }
}
