/// Base64 back to bytes: the standard alphabet, with its padding.
enum Base64 {
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 0xFF, count: 256)
        let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        for (value, digit) in digits.utf8.enumerated() { values[Int(digit)] = UInt8(value) }
        return values
    }()

    /// Decodes into `target`, which has room for three bytes for each four digits. nil: it is no base64.
    static func decode(_ text: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Int? {
        guard text.count % 4 == 0 else { return nil }
        var count = 0
        for start in stride(from: 0, to: text.count, by: 4) {
            let isLast = start + 4 == text.count
            let padding = !isLast || text[start + 3] != equals ? 0 : text[start + 2] == equals ? 2 : 1
            var bits: UInt32 = 0
            for index in 0..<4 - padding {
                let value = values[Int(text[start + index])]
                guard value != 0xFF else { return nil }
                bits |= UInt32(value) << (18 - 6 * UInt32(index))
            }
            // Bits that no byte takes are zeros, or two texts would stand for the same bytes.
            guard padding == 0 || bits & (padding == 1 ? 0xFF : 0xFFFF) == 0 else { return nil }
            for index in 0..<3 - padding {
                target[count] = UInt8(truncatingIfNeeded: bits >> (16 - 8 * UInt32(index)))
                count += 1
            }
        }
        return count
    }

    private static let equals = UInt8(ascii: "=")
}
