/// One figure: what Martlet does beside what C does on the same bytes, in the same run.
struct Measurement: Encodable {
    let name: String
    let unit: String
    let value: Double
    /// nil: there is nothing in C to compare with.
    let yardstick: Double?
    let target: String

    /// How Martlet compares: 1 is as good as C; more is better where `unit` is a rate, less where it is a time.
    var ratio: Double? { yardstick.map { value / $0 } }

    private enum CodingKeys: String, CodingKey { case name, unit, value, yardstick, ratio, target }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(unit, forKey: .unit)
        try container.encode(value, forKey: .value)
        try container.encodeIfPresent(yardstick, forKey: .yardstick)
        try container.encodeIfPresent(ratio, forKey: .ratio)
        try container.encode(target, forKey: .target)
    }

    var line: String {
        let columns = [
            name.padded(to: 44), number(value).padded(to: 12, atEnd: false), yardstick.map(number).padded(to: 12),
            ratio.map { "\(Int(($0 * 100).rounded())) %" }.padded(to: 8), "  " + unit.padded(to: 12), target,
        ]
        return columns.joined()
    }

    static var heading: String {
        "what".padded(to: 44) + "Martlet".padded(to: 12, atEnd: false) + "C".padded(to: 12, atEnd: false)
            + "ratio".padded(to: 8, atEnd: false) + "  " + "unit".padded(to: 12) + "target"
    }

    private func number(_ value: Double) -> String {
        let digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = Int((value * scale).rounded())
        guard digits > 0 else { return String(scaled) }
        let whole = String(scaled / Int(scale))
        let rest = String(scaled % Int(scale))
        return whole + "." + String(repeating: "0", count: digits - rest.count) + rest
    }
}

extension String {
    func padded(to width: Int, atEnd: Bool = true) -> String {
        let padding = String(repeating: " ", count: max(0, width - count))
        return atEnd ? self + padding : padding + self
    }
}

extension String? {
    func padded(to width: Int) -> String { (self ?? "").padded(to: width, atEnd: false) }
}

/// Seconds that `body` takes.
func seconds<E: Error>(_ body: () throws(E) -> Void) throws(E) -> Double {
    let start = ContinuousClock.now
    try body()
    return (ContinuousClock.now - start) / .seconds(1)
}

/// The middle of several runs: neighbours on the machine disturb single ones.
func median(of runs: Int, _ body: () throws -> Double) rethrows -> Double {
    var values: [Double] = []
    for _ in 0..<runs { values.append(try body()) }
    return values.sorted()[runs / 2]
}
