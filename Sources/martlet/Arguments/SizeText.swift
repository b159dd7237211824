/// Numbers of bytes as people type them: `1000000`, `500kB`, `512MiB`, `1.5GiB`.
enum SizeText {
    static let example = "1000000, 500kB, 512MiB or 1.5GiB"

    /// Bytes; nil: it is no such text, or too large to count. What is less than a byte is cut off.
    static func parse(_ text: some StringProtocol) -> Int64? {
        let number = text.prefix { ($0.isASCII && $0.isNumber) || $0 == "." }
        guard let unit = units[text.dropFirst(number.count).lowercased()] else { return nil }
        let parts = number.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let whole = Int64(parts[0]) else { return nil }
        let (bytes, overflow) = whole.multipliedReportingOverflow(by: unit)
        guard !overflow else { return nil }
        guard parts.count == 2 else { return bytes }
        guard (1...6).contains(parts[1].count), let digits = Int64(parts[1]) else { return nil }
        let scale = (0..<parts[1].count).reduce(Int64(1)) { scale, _ in scale * 10 }
        // A terabyte times a million has room in 64 bits.
        let (sum, sumOverflow) = bytes.addingReportingOverflow(digits * unit / scale)
        return sumOverflow ? nil : sum
    }

    private static let units: [String: Int64] = [
        "": 1, "b": 1, "kb": 1000, "mb": 1_000_000, "gb": 1_000_000_000, "tb": 1_000_000_000_000,
        "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
    ]
}
