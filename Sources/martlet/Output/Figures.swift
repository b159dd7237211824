/// Numbers as people read them.
extension BinaryInteger {
    /// With a comma each three digits.
    var grouped: String {
        let digits = Array(String(magnitude).utf8)
        var text = self < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text += "," }
            text.unicodeScalars.append(Unicode.Scalar(digit))
        }
        return text
    }

    /// So many of something: `1 record`, `2,000 records`.
    func counted(_ noun: String) -> String { "\(grouped) \(noun)\(self == 1 ? "" : "s")" }

    /// A number of bytes: `812 B`, `1.4 MB`; powers of 1000.
    var asBytes: String {
        let units = ["B", "kB", "MB", "GB", "TB"]
        var value = Double(self)
        var unit = 0
        while value >= 999.95, unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        return unit == 0 ? "\(self) B" : "\(value.rounded(toPlaces: 1)) \(units[unit])"
    }
}

extension Double {
    /// With exactly so many digits after the point.
    func rounded(toPlaces places: Int) -> String {
        guard isFinite, abs(self) < 1e15 else { return "-" }
        var scale: Int64 = 1
        for _ in 0..<places { scale *= 10 }
        let scaled = Int64((self * Double(scale)).rounded())
        let (whole, part) = scaled.magnitude.quotientAndRemainder(dividingBy: scale.magnitude)
        let digits = String(part)
        let sign = scaled < 0 ? "-" : ""
        guard places > 0 else { return sign + String(whole) }
        return sign + String(whole) + "." + String(repeating: "0", count: places - digits.count) + digits
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
    var milliseconds: Double { seconds * 1000 }

    /// `4.2 ms`, `0.42 s`, `17 s`, `3 min 20 s`.
    var forPeople: String {
        if seconds < 0.1 { return "\(milliseconds.rounded(toPlaces: 1)) ms" }
        if seconds < 10 { return "\(seconds.rounded(toPlaces: 2)) s" }
        let whole = Int(seconds.rounded())
        return whole < 60 ? "\(whole) s" : "\(whole / 60) min \(whole % 60) s"
    }
}

/// How much went through, and how fast.
struct Throughput {
    var records = 0
    var payloadBytes = 0
    var elapsed = Duration.zero

    /// Time runs in steps; nothing takes none.
    private var seconds: Double { max(elapsed.seconds, 1e-6) }
    var recordsPerSecond: Int { Int(Double(records) / seconds) }
    var bytesPerSecond: Int { Int(Double(payloadBytes) / seconds) }

    var text: String {
        "\(records.grouped) \(records == 1 ? "record" : "records"), \(payloadBytes.asBytes) in \(elapsed.forPeople): "
            + "\(recordsPerSecond.grouped) records/s, \(bytesPerSecond.asBytes)/s"
    }
}
