import RecordFormat

/// A span of time in milliseconds, as people say it and as programs read it.
enum SpanText {
    /// `0 s`, `4.2 s`, `17 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
    static func forPeople(_ milliseconds: Int64) -> String {
        let sign = milliseconds < 0 ? "-" : ""
        let span = milliseconds.magnitude
        if span == 0 { return "0 s" }
        if span < 1000 { return "\(sign)\(span) ms" }
        if span < 9950 { return sign + (Double(span) / 1000).rounded(toPlaces: 1) + " s" }
        let seconds = (span + 500) / 1000
        if seconds < 60 { return "\(sign)\(seconds) s" }
        if seconds < 3600 { return "\(sign)\(seconds / 60) min \(seconds % 60) s" }
        if seconds < 86_400 { return "\(sign)\(seconds / 3600) h \(seconds % 3600 / 60) min" }
        return "\(sign)\(UInt64(seconds / 86_400).grouped) d \(seconds % 86_400 / 3600) h"
    }

    /// All of it: `7 d`, `1 h 30 min`, `250 ms`. For spans that somebody has set.
    static func exact(_ milliseconds: Int64) -> String {
        guard milliseconds != 0 else { return "0 ms" }
        var rest = milliseconds.magnitude
        var parts: [String] = []
        for (name, unit) in [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1)]
            as [(String, UInt64)]
        {
            let (count, left) = rest.quotientAndRemainder(dividingBy: unit)
            if count > 0 { parts.append("\(count.grouped) \(name)") }
            rest = left
        }
        return (milliseconds < 0 ? "-" : "") + parts.joined(separator: " ")
    }

    /// Seconds with three digits after the point: exact.
    static func seconds(_ milliseconds: Int64) -> String {
        let (whole, rest) = milliseconds.magnitude.quotientAndRemainder(dividingBy: 1000)
        let digits = String(rest)
        return (milliseconds < 0 ? "-" : "") + "\(whole)." + String(repeating: "0", count: 3 - digits.count) + digits
    }
}

extension Timestamp {
    /// Milliseconds from an earlier time on; none where that is later, as with clocks that differ.
    func milliseconds(since earlier: Timestamp) -> Int64 {
        let (span, overflow) = milliseconds.subtractingReportingOverflow(earlier.milliseconds)
        return overflow ? (milliseconds < earlier.milliseconds ? 0 : .max) : max(0, span)
    }
}
