/// One line on the terminal that says how far a command is; nothing where standard error is no terminal.
struct Progress {
    private let isShown: Bool
    private let verb: String
    private let clock = ContinuousClock()
    private let start: ContinuousClock.Instant
    private var nextUpdate: ContinuousClock.Instant
    private var isDrawn = false

    static let barWidth = 24

    init(_ verb: String, isShown: Bool = StandardError.isTerminal) {
        self.verb = verb
        self.isShown = isShown
        start = clock.now
        nextUpdate = start.advanced(by: .milliseconds(200))
    }

    var elapsed: Duration { start.duration(to: clock.now) }

    /// Whether it is time to draw. The clock costs some nanoseconds: ask each few hundred records.
    var isDue: Bool { isShown && clock.now >= nextUpdate }

    mutating func update(_ done: Throughput, fraction: Double?) {
        guard isShown else { return }
        nextUpdate = clock.now.advanced(by: .milliseconds(200))
        isDrawn = true
        var done = done
        done.elapsed = elapsed
        StandardError.write("\r\u{1B}[K" + Self.line(verb, done, fraction: fraction))
    }

    /// Takes the line away; what follows starts at the left edge.
    mutating func finish() {
        if isDrawn { StandardError.write("\r\u{1B}[K") }
        isDrawn = false
    }

    static func line(_ verb: String, _ done: Throughput, fraction: Double?) -> String {
        let figures =
            "\(done.records.grouped) records, \(done.payloadBytes.asBytes), \(done.recordsPerSecond.grouped) records/s"
        guard let fraction = fraction.map({ min(max($0, 0), 1) }) else { return "\(verb) \(figures)" }
        let filled = Int(fraction * Double(barWidth))
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: barWidth - filled)
        let left = fraction > 0 ? done.elapsed.seconds * (1 - fraction) / fraction : 0
        return "\(verb) [\(bar)] \(Int(fraction * 100)) %  \(figures), \(Duration.seconds(left).forPeople) left"
    }
}
