import RecordFormat

/// How the disk fills, drawn: topics on top of each other, from now on, and the line where the reserve begins.
struct DiskPlot {
    private let survey: DiskSurvey
    /// The largest first; those that are not shown each for itself are one.
    private let bands: [Band]
    private let outcome: DiskForecast.Outcome?
    /// Bytes of what is there when no more than the reserve is left; nil: not known.
    private let ceiling: Double?
    private let days: Double

    private struct Band {
        var name: String
        var items: [DiskForecast.Item]

        func bytes(afterDays days: Double) -> Double { items.reduce(0) { $0 + $1.bytes(afterDays: days) } }
    }

    private static let bandsMax = 8
    private static let (width, height) = (960.0, 480.0)
    private static let (left, top, right, bottom) = (90.0, 50.0, 210.0, 50.0)
    private static let steps = 120

    /// Where several brokers are, it is about the directory of the first.
    init(_ survey: DiskSurvey, reserve: DiskReserve) {
        self.survey = survey
        let forecast = survey.directories.first.flatMap { survey.forecast($0, reserve: reserve) }
        outcome = forecast?.outcome
        var bands = survey.topics.map { topic in
            Band(
                name: topic,
                items: survey.uses(ofTopic: topic).compactMap { use in
                    use.bytes.map {
                        DiskForecast.Item(bytes: $0, growth: use.growth?.perDay ?? 0, bound: use.bound.bytes)
                    }
                })
        }
        days = Self.span(outcome, bands.flatMap(\.items))
        let end = days
        bands.sort { a, b in
            let (first, second) = (a.bytes(afterDays: end), b.bytes(afterDays: end))
            return first == second ? a.name < b.name : first > second
        }
        if bands.count > Self.bandsMax + 1 {
            let others = bands[Self.bandsMax...]
            bands =
                Array(bands[..<Self.bandsMax]) + [
                    Band(name: "\(others.count) others", items: others.flatMap(\.items))
                ]
        }
        self.bands = bands
        ceiling = forecast.map { $0.total(afterDays: 0) + max(0, Double($0.usable) - Double($0.reserve)) }
    }

    /// So that one sees what comes: the reserve, or where the last of them stops to grow.
    private static func span(_ outcome: DiskForecast.Outcome?, _ items: [DiskForecast.Item]) -> Double {
        let last: Double =
            switch outcome {
            case .inDays(let days): days
            default:
                items.compactMap { item in
                    item.growth > 0 ? item.bound.map { (Double($0) - Double(item.bytes)) / Double(item.growth) } : nil
                }.max() ?? 30
            }
        return min(max(7, last * 1.25), 3650)
    }

    /// All of it together, as far as `retention.total.bytes` lets it.
    private func factor(afterDays days: Double) -> Double {
        guard let bound = survey.totalBound else { return 1 }
        let total = bands.reduce(0) { $0 + $1.bytes(afterDays: days) }
        let start = bands.reduce(0) { $0 + $1.bytes(afterDays: 0) }
        let held = max(start, Double(bound))
        return total > held ? held / total : 1
    }

    var svg: String {
        let times = (0...Self.steps).map { days * Double($0) / Double(Self.steps) }
        let factors = times.map(factor(afterDays:))
        var edges = [[Double](repeating: 0, count: times.count)]
        for band in bands {
            edges.append(
                times.indices.map { edges.last![$0] + band.bytes(afterDays: times[$0]) * factors[$0] })
        }
        let highest = max(edges.last!.max() ?? 0, 1)
        // A line far above everything would leave nothing to see of it.
        let line = ceiling.flatMap { $0 <= highest * 4 ? $0 : nil }
        let scale = Self.tickStep(max(highest, line ?? 0) * 1.05)
        var parts = [head]
        parts += axes(upTo: scale.count, step: scale.step)
        let limit = Double(scale.count) * scale.step
        for (index, band) in bands.enumerated() {
            let upper = times.indices.map { point(times[$0], edges[index + 1][$0], limit) }
            let lower = times.indices.reversed().map { point(times[$0], edges[index][$0], limit) }
            let colour = SVGText.colours[index % SVGText.colours.count]
            let path = (upper + lower).joined(separator: " ")
            parts.append("<polygon points=\"\(path)\" fill=\"\(colour)\"/>")
            parts += legend(band.name, index, colour)
        }
        if let line { parts += reserve(at: line, limit) }
        return (parts + ["</svg>", ""]).joined(separator: "\n")
    }

    private var head: String {
        let title: String =
            switch outcome {
            case .now: "The reserve is reached"
            case .inDays(let days): "The reserve is reached in \(Int(days.rounded(.down)).grouped) days"
            case .never: "The settings hold what is there"
            case .notForLong: "There is room for a hundred years"
            case nil: "What is there"
            }
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(Self.width)) \(Int(Self.height))" \
            font-family="sans-serif" font-size="13" fill="#333">
            <rect width="\(Int(Self.width))" height="\(Int(Self.height))" fill="#fff"/>
            <text x="\(Int(Self.left))" y="28" font-size="17">\(title), at the rate of \(TimeText.minute(survey.now.milliseconds))</text>
            """
    }

    /// Bytes from the bottom, and days from now.
    private func axes(upTo count: Int, step: Double) -> [String] {
        var parts: [String] = []
        let end = Self.width - Self.right
        for tick in 0...count {
            let y = Self.y(Double(tick) / Double(count))
            parts.append("<line x1=\"\(Self.left)\" x2=\"\(end)\" y1=\"\(y)\" y2=\"\(y)\" stroke=\"#ddd\"/>")
            let text = BinarySize.text(Int64(clamping: Double(tick) * step))
            parts.append("<text x=\"\(Self.left - 8)\" y=\"\(y)\" dy=\"4\" text-anchor=\"end\">\(text)</text>")
        }
        for tick in 0...5 {
            let x = Self.left + (end - Self.left) * Double(tick) / 5
            let day = survey.now.milliseconds.addingClamped(
                Int64(clamping: days * Double(tick) / 5 * Double(Growth.day)))
            let y = Self.height - Self.bottom + 20
            parts.append(
                "<text x=\"\(x.tenths)\" y=\"\(y)\" text-anchor=\"middle\">\(TimeText.minute(day).prefix(10))</text>")
        }
        return parts
    }

    private func legend(_ name: String, _ index: Int, _ colour: String) -> [String] {
        let (x, y) = (Int(Self.width - Self.right) + 16, Int(Self.top) + 24 * (bands.count - 1 - index))
        return [
            "<rect x=\"\(x)\" y=\"\(y)\" width=\"13\" height=\"13\" fill=\"\(colour)\"/>",
            "<text x=\"\(x + 20)\" y=\"\(y + 11)\">\(SVGText.escaped(name, widthMax: 24))</text>",
        ]
    }

    private func reserve(at bytes: Double, _ limit: Double) -> [String] {
        let y = Self.y(bytes / limit)
        let end = Self.width - Self.right
        return [
            "<line x1=\"\(Self.left)\" x2=\"\(end)\" y1=\"\(y)\" y2=\"\(y)\" stroke=\"#c00\" stroke-dasharray=\"6 4\"/>",
            "<text x=\"\(end - 6)\" y=\"\(y)\" dy=\"-6\" text-anchor=\"end\" fill=\"#c00\">here the reserve begins</text>",
        ]
    }

    private func point(_ time: Double, _ bytes: Double, _ limit: Double) -> String {
        let x = Self.left + (Self.width - Self.right - Self.left) * time / days
        return "\(x.tenths),\(Self.y(bytes / limit))"
    }

    /// Of a part of the height, from the bottom.
    private static func y(_ part: Double) -> String {
        (height - bottom - (height - bottom - top) * min(max(part, 0), 1)).tenths
    }

    /// Ticks at round numbers of a unit, up to a height.
    private static func tickStep(_ height: Double) -> (step: Double, count: Int) {
        var unit = 1.0
        while height / unit > 10 * 1024 { unit *= 1024 }
        var step = unit
        for factor in [1.0, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000] where height / step > 8 {
            step = factor * unit
        }
        return (step, max(1, Int((height / step).rounded(.up))))
    }
}
