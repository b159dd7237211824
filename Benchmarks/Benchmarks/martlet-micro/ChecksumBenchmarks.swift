import EventLog
import Yardstick

/// CRC32C of a small batch, of a page, and of a batch as large as the library makes them.
enum ChecksumBenchmarks {
    static func register() {
        for (size, name, repetitions) in [(128, "128 B", 10_000), (4 << 10, "4 KiB", 1000), (256 << 10, "256 KiB", 20)]
        {
            Pair(name: "CRC32C, \(name)", repetitions: repetitions).register {
                let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
                return (
                    { repetitions in
                        bytes.withUnsafeBytes { bytes in sum(repetitions) { crc32c(bytes) } }
                    },
                    { repetitions in
                        bytes.withUnsafeBufferPointer { bytes in
                            sum(repetitions) { yardstick_crc32c(bytes.baseAddress, bytes.count) }
                        }
                    }
                )
            }
        }
    }

    private static func sum(_ repetitions: Int, _ checksum: () -> UInt32) -> UInt64 {
        var sum: UInt64 = 0
        for _ in 0..<repetitions { sum &+= UInt64(checksum()) }
        return sum
    }
}
