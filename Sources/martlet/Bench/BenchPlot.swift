import Glibc
import LoadGenerator

/// A report, drawn: latency by percentile, whose axis gives each further nine as much room, and throughput over time.
struct BenchPlot {
    static let pointsMax = 120

    private let report: BenchReport
    private static let (width, panel) = (960.0, 330.0)
    private static let (left, right, top, gap) = (90.0, 250.0, 84.0, 80.0)

    init(_ report: BenchReport) { self.report = report }

    private var latencies: [BenchReport.Latency] { report.latencies.filter { $0.histogram.count > 0 } }
    private var flows: [BenchReport.Flow] { report.flows.filter { !$0.timeline.steps.isEmpty } }

    var svg: String {
        var panels: [[String]] = []
        var y = Self.top
        if !latencies.isEmpty {
            panels.append(latencyPanel(from: y))
            y += Self.panel + Self.gap
        }
        if !flows.isEmpty {
            panels.append(flowPanel(from: y))
            y += Self.panel + Self.gap
        }
        return ([head(height: y - 10)] + panels.flatMap(\.self) + ["</svg>", ""]).joined(separator: "\n")
    }

    private func head(height: Double) -> String {
        let size = "\(Int(Self.width)) \(Int(height))"
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(size)" font-family="sans-serif" font-size="13" fill="#333">
            <rect width="\(Int(Self.width))" height="\(Int(height))" fill="#fff"/>
            <text x="\(Int(Self.left))" y="28" font-size="17">martlet bench \(report.command)</text>
            <text x="\(Int(Self.left))" y="48" font-size="12">\(SVGText.escaped(report.setting, widthMax: 140))</text>
            """
    }

    // MARK: Latency

    /// Each step of the axis is a tenth of what was left: 90 %, 99 %, 99.9 %.
    private func latencyPanel(from y: Double) -> [String] {
        let curves = latencies.map { latency in
            // The last point is the slowest of so many: it stands where that many have it.
            let nines = log10(Double(max(10, latency.histogram.count)))
            return latency.histogram.curve.map { point in
                (x: min(point.part < 1 ? -log10(1 - point.part) : nines, nines), y: max(point.milliseconds, 0.001))
            }
        }
        let points = curves.flatMap(\.self)
        let nines = max(1, points.map(\.x).max() ?? 1)
        let scale = LogScale(points.map(\.y))
        func place(_ point: (x: Double, y: Double)) -> String {
            "\(x(point.x / nines)),\(Self.y(scale.part(point.y), from: y))"
        }
        var parts = [title("Latency by percentile, in milliseconds", y)]
        for tick in scale.ticks { parts += horizontal(scale.part(tick), label(tick), y) }
        for tick in 0...Int(nines) { parts += vertical(Double(tick) / nines, Self.percent(nines: tick), y) }
        for (index, curve) in curves.enumerated() {
            parts.append(line(curve.map(place), index))
            parts += legend(latencies[index].title, index, y)
        }
        return parts
    }

    static func percent(nines: Int) -> String {
        switch nines {
        case 0: "0 %"
        case 1: "90 %"
        case 2: "99 %"
        default: "99." + String(repeating: "9", count: nines - 2) + " %"
        }
    }

    // MARK: Throughput

    private func flowPanel(from y: Double) -> [String] {
        let curves = flows.map { $0.timeline.rates(pointsMax: Self.pointsMax) }
        let end = max(flows.map { Double($0.timeline.steps.count) / 10 }.max() ?? 0, 0.1)
        let scale = LinearScale(curves.flatMap(\.self).map(\.records).max() ?? 0)
        var parts = [title("Throughput over time, a second", y)]
        for tick in scale.ticks { parts += horizontal(tick / scale.end, Int(tick).grouped, y) }
        let times = LinearScale(end)
        for tick in times.ticks where tick <= end { parts += vertical(tick / end, "\(Self.short(tick)) s", y) }
        for (index, curve) in curves.enumerated() {
            parts.append(line(curve.map { "\(x($0.second / end)),\(Self.y($0.records / scale.end, from: y))" }, index))
            parts += legend(flows[index].title, index, y)
        }
        return parts
    }

    // MARK: Pieces

    private func title(_ text: String, _ y: Double) -> String {
        "<text x=\"\(Int(Self.left))\" y=\"\((y - 12).tenths)\" font-weight=\"bold\">\(text)</text>"
    }

    private func horizontal(_ part: Double, _ label: String, _ top: Double) -> [String] {
        let (y, end) = (Self.y(part, from: top), (Self.width - Self.right).tenths)
        return [
            "<line x1=\"\(Self.left)\" x2=\"\(end)\" y1=\"\(y)\" y2=\"\(y)\" stroke=\"#ddd\"/>",
            "<text x=\"\(Self.left - 8)\" y=\"\(y)\" dy=\"4\" text-anchor=\"end\">\(label)</text>",
        ]
    }

    private func vertical(_ part: Double, _ label: String, _ top: Double) -> [String] {
        let (x, bottom) = (x(part), top + Self.panel)
        return [
            "<line x1=\"\(x)\" x2=\"\(x)\" y1=\"\(top.tenths)\" y2=\"\(bottom.tenths)\" stroke=\"#eee\"/>",
            "<text x=\"\(x)\" y=\"\((bottom + 20).tenths)\" text-anchor=\"middle\">\(label)</text>",
        ]
    }

    private func line(_ points: [String], _ index: Int) -> String {
        let colour = SVGText.colours[index % SVGText.colours.count]
        return
            "<polyline points=\"\(points.joined(separator: " "))\" fill=\"none\" stroke=\"\(colour)\" "
            + "stroke-width=\"2\"/>"
    }

    private func legend(_ text: String, _ index: Int, _ top: Double) -> [String] {
        let (x, y) = (Int(Self.width - Self.right) + 16, Int(top) + 24 * index)
        let colour = SVGText.colours[index % SVGText.colours.count]
        return [
            "<rect x=\"\(x)\" y=\"\(y)\" width=\"13\" height=\"13\" fill=\"\(colour)\"/>",
            "<text x=\"\(x + 20)\" y=\"\(y + 11)\">\(SVGText.escaped(text, widthMax: 32))</text>",
        ]
    }

    private func x(_ part: Double) -> String { (Self.left + (Self.width - Self.right - Self.left) * part).tenths }

    private static func y(_ part: Double, from top: Double) -> String {
        (top + panel * (1 - min(max(part, 0), 1))).tenths
    }

    private func label(_ milliseconds: Double) -> String { Self.short(milliseconds) }

    /// With as many digits as there are.
    static func short(_ value: Double) -> String {
        for places in 0...3
        where abs(value - (Double(value.rounded(toPlaces: places)) ?? 0)) < 1e-9 * max(1, abs(value)) {
            return places == 0 && value >= 1000 ? Int(value).grouped : value.rounded(toPlaces: places)
        }
        return value.rounded(toPlaces: 3)
    }
}

/// From a power of ten to another, with all values between.
struct LogScale {
    let ticks: [Double]
    private let (low, high): (Double, Double)

    init(_ values: [Double]) {
        low = floor(log10(values.min() ?? 1))
        high = max(ceil(log10(values.max() ?? 1)), low + 1)
        // Few decades have room for more lines.
        let factors: [Double] = high - low > 3 ? [1] : [1, 2, 5]
        let (least, most) = (low, high)
        ticks = (Int(least)...Int(most)).flatMap { decade in
            factors.map { $0 * pow(10, Double(decade)) }
        }.filter { $0 <= pow(10, most) * 1.0001 }
    }

    func part(_ value: Double) -> Double { (log10(value) - low) / (high - low) }
}

/// From 0 to a round number, with round numbers between.
struct LinearScale {
    let ticks: [Double]
    var end: Double { ticks.last ?? 1 }

    init(_ most: Double) {
        let most = max(most, 1e-3)
        var step = pow(10, floor(log10(most)) - 1)
        for factor in [1.0, 2, 5, 10, 20, 50] where most / step > 8 { step = pow(10, floor(log10(most)) - 1) * factor }
        let (count, width) = (Int((most / step).rounded(.up)), step)
        ticks = (0...max(1, count)).map { Double($0) * width }
    }
}
