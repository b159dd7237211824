/// One figure: what Martlet does beside what C does on the same bytes, in the same run.
struct Measurement: Encodable {
    let name: String
    let unit: String
    /// What each run gave.
    let runs: [Double]
    /// What C gave in each; empty: there is nothing in C to compare with.
    let yardsticks: [Double]
    let target: String

    init(name: String, unit: String, runs: [Double], yardsticks: [Double] = [], target: String) {
        self.name = name
        self.unit = unit
        self.runs = runs
        self.yardsticks = yardsticks
        self.target = target
    }

    /// Of one run, or the worst of several.
    init(name: String, unit: String, value: Double, yardstick: Double?, target: String) {
        self.init(name: name, unit: unit, runs: [value], yardsticks: yardstick.map { [$0] } ?? [], target: target)
    }

    /// The middle of the runs: neighbours on the machine disturb single ones.
    var value: Double { runs.median }
    var yardstick: Double? { yardsticks.isEmpty ? nil : yardsticks.median }
    /// How Martlet compares: 1 is as good as C; more is better where `unit` is a rate, less where it is a time.
    var ratio: Double? { yardstick.map { value / $0 } }
    /// The least and the most of the runs, as a share of C where there is something to compare with.
    private var spread: (low: Double, high: Double)? {
        let all = yardsticks.isEmpty ? runs : zip(runs, yardsticks).map { $0 / $1 }
        guard let low = all.min(), let high = all.max(), all.count > 1 else { return nil }
        return (low, high)
    }

    private enum CodingKeys: String, CodingKey { case name, unit, runs, yardsticks, value, yardstick, ratio, target }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(unit, forKey: .unit)
        try container.encode(runs, forKey: .runs)
        try container.encode(yardsticks, forKey: .yardsticks)
        try container.encode(value, forKey: .value)
        try container.encodeIfPresent(yardstick, forKey: .yardstick)
        try container.encodeIfPresent(ratio, forKey: .ratio)
        try container.encode(target, forKey: .target)
    }

    var line: String {
        let columns = [
            name.padded(to: 44), number(value).padded(to: 12, atEnd: false), yardstick.map(number).padded(to: 12),
            ratio.map(percent).padded(to: 8), spreadText.padded(to: 16, atEnd: false), "  " + unit.padded(to: 12),
            target,
        ]
        return columns.joined()
    }

    static var heading: String {
        "what".padded(to: 44) + "Martlet".padded(to: 12, atEnd: false) + "C".padded(to: 12, atEnd: false)
            + "ratio".padded(to: 8, atEnd: false) + "of all runs".padded(to: 16, atEnd: false) + "  "
            + "unit".padded(to: 12) + "target"
    }

    private var spreadText: String {
        guard let spread else { return "" }
        let text = yardsticks.isEmpty ? number : percent
        return "\(text(spread.low)) to \(text(spread.high))"
    }

    private func percent(_ ratio: Double) -> String { "\(Int((ratio * 100).rounded())) %" }

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

/// What each of several runs gives.
func repeated(_ runs: Int, _ body: () throws -> Double) rethrows -> [Double] {
    try (0..<runs).map { _ in try body() }
}

extension [Double] {
    var median: Double { sorted()[count / 2] }
    func percentile(_ percent: Int) -> Double { sorted()[count * percent / 100] }
    /// Of times, how much a second each comes to.
    func rates(of amount: Double) -> [Double] { map { amount / $0 } }
    func scaled(by factor: Double) -> [Double] { map { $0 * factor } }
}
