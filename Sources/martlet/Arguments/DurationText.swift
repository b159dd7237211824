/// Spans of time as people type them: `250ms`, `30s`, `15m`, `1h`, `7d`, `2w`.
enum DurationText {
    static let example = "250ms, 30s, 15m, 1h, 7d or 2w"

    /// Milliseconds; nil: it is no such text, or too long to count.
    static func parse(_ text: some StringProtocol) -> Int64? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let count = Int64(digits), let unit = units[String(text.dropFirst(digits.count))] else { return nil }
        let (milliseconds, overflow) = count.multipliedReportingOverflow(by: unit)
        return overflow ? nil : milliseconds
    }

    private static let units: [String: Int64] = [
        "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000,
    ]
}
