internal import Glibc

extension ArraySlice<UInt8> {
    /// Whether there is nothing but zeros, as where nobody has written yet.
    var isZero: Bool {
        withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress, let first = bytes.first else { return true }
            // The first is zero, and each other one is as the one before it.
            return first == 0 && memcmp(start, start + 1, bytes.count - 1) == 0
        }
    }
}
