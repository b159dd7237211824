import LoadGenerator

/// What a benchmark has found: for people, for programs, and for a drawing.
struct BenchReport: Sendable {
    let command: String
    /// How it was measured, for people.
    var setting: String
    /// The same for programs.
    var parameters: [(key: String, cell: Table.Cell)] = []
    private(set) var figures: [Figure] = []
    private(set) var latencies: [Latency] = []
    private(set) var flows: [Flow] = []
    /// What one has to know to read the figures.
    var notes: [String] = []
    var wasInterrupted = false
    /// Something that was sent did not come.
    var isIncomplete = false

    /// A line of the table.
    struct Figure: Sendable {
        var title: String
        /// By their names in JSON; those without a text are in JSON only.
        var values: [(key: String, text: String?, json: Table.Cell)]
    }

    struct Latency: Sendable {
        var key: String
        var title: String
        var histogram: LatencyHistogram
    }

    /// What came over time.
    struct Flow: Sendable {
        var key: String
        var title: String
        var timeline: Timeline
    }

    init(_ command: String, setting: String) {
        self.command = command
        self.setting = setting
    }

    mutating func add(_ title: String, _ values: (key: String, text: String?, json: Table.Cell)...) {
        figures.append(Figure(title: title, values: values))
    }

    mutating func add(latency key: String, _ title: String, _ histogram: LatencyHistogram) {
        latencies.append(Latency(key: key, title: title, histogram: histogram))
    }

    mutating func add(flow key: String, _ title: String, _ timeline: Timeline) {
        flows.append(Flow(key: key, title: title, timeline: timeline))
    }
}

// MARK: Figures that several commands have

extension BenchReport {
    /// - Parameter noun: what the records are, where they are not called that.
    mutating func add(_ tally: LoadTally, after warmup: Double, noun: String = "records") {
        let seconds = max(tally.seconds, 1e-6)
        func rate(_ count: Int) -> Double { Double(count) / seconds }
        add(
            "Measured",
            (
                "seconds",
                "\(tally.seconds.rounded(toPlaces: 2)) s after \(warmup.rounded(toPlaces: 1)) s of warm-up",
                .decimal(tally.seconds.rounded(toPlaces: 3))
            ))
        add(
            noun.prefix(1).uppercased() + noun.dropFirst(),
            (noun, tally.records.grouped, .init(tally.records)),
            (
                noun + "PerSecond", "\(Int(rate(tally.records)).grouped)/s",
                .decimal(rate(tally.records).rounded(toPlaces: 1))
            ),
            ("requests", "\(tally.requests.counted("request"))", .init(tally.requests)))
        if tally.payloadBytes > 0 { addBytes("Values", "payload", tally.payloadBytes, rate(tally.payloadBytes)) }
        if tally.wireBytes > 0 { addBytes("On the wire", "wire", tally.wireBytes, rate(tally.wireBytes)) }
        if tally.unanswered > 0 { isIncomplete = true }
        figures.append(
            Figure(
                title: "Unanswered",
                values: [
                    ("unanswered", tally.unanswered > 0 ? tally.unanswered.grouped : nil, .init(tally.unanswered))
                ]))
        if tally.wasInterrupted { wasInterrupted = true }
    }

    private mutating func addBytes(_ title: String, _ key: String, _ bytes: Int, _ rate: Double) {
        add(
            title, (key + "Bytes", bytes.asBytes, .init(bytes)),
            (
                key + "MegabytesPerSecond", "\((rate / 1e6).rounded(toPlaces: 1)) MB/s",
                .decimal((rate / 1e6).rounded(toPlaces: 3))
            ))
    }

    /// - Parameters:
    ///   - records: that the broker dealt with meanwhile; 0: the costs are not per record.
    ///   - bytes: the same; those of the gigabytes.
    mutating func add(_ costs: BenchCosts, records: Int, bytes: Int) {
        if let broker = costs.broker {
            func per(_ unit: Double, _ count: Int) -> Double? {
                count > 0 ? broker.cpuSeconds / (Double(count) / unit) : nil
            }
            func cell(_ value: Double?) -> Table.Cell { value.map { .decimal($0.rounded(toPlaces: 4)) } ?? .none }
            let share = Int(100 * broker.cpuSeconds / max(costs.seconds, 1e-6))
            let (gigabyte, million) = (per(1e9, bytes), per(1e6, records))
            add(
                "Broker's CPU",
                (
                    "brokerCPUSeconds",
                    "\(broker.cpuSeconds.rounded(toPlaces: 2)) s, \(share) % of one core",
                    cell(broker.cpuSeconds)
                ),
                ("brokerCPUSecondsPerGB", gigabyte.map { "\($0.rounded(toPlaces: 2)) s/GB" }, cell(gigabyte)),
                (
                    "brokerCPUSecondsPerMillion", million.map { "\($0.rounded(toPlaces: 3)) s/million" }, cell(million)
                ))
            add(
                "Broker's memory",
                (
                    "brokerResidentBytes", BinarySize.text(broker.residentBytes) + " resident",
                    .init(broker.residentBytes)
                ),
                (
                    "brokerPeakResidentBytes", BinarySize.text(broker.peakResidentBytes) + " at most",
                    .init(broker.peakResidentBytes)
                ))
            if broker.isThisProcess {
                notes.append("The broker runs in this process: its CPU and memory have the load in them.")
            }
        } else {
            for key in ["brokerCPUSeconds", "brokerResidentBytes"] { add("Broker's process", (key, nil, .none)) }
            notes.append(
                "The broker is not local, or not to be looked into: its CPU and memory are left out.")
        }
        let part = costs.clientCPUSeconds / max(costs.seconds, 1e-6)
        add(
            "This command's CPU",
            (
                "clientCPUSeconds",
                "\(costs.clientCPUSeconds.rounded(toPlaces: 2)) s, \(Int(100 * part)) % of one core",
                .decimal(costs.clientCPUSeconds.rounded(toPlaces: 4))
            ))
        if part > 0.9, costs.broker?.isThisProcess != true {
            notes.append("This command took all of the core that it can use: the broker may be able to do more.")
        }
    }

    /// - Parameter payload: bytes of values that the topic has got, for comparison.
    mutating func add(diskBytes: Int64?, payload: Int) {
        guard let diskBytes else { return add("On disk", ("diskBytes", nil, .none)) }
        let ratio = payload > 0 ? Double(diskBytes) / Double(payload) : nil
        add(
            "On disk", ("diskBytes", diskBytes.asBytes, .init(diskBytes)),
            (
                "diskBytesPerPayloadByte", ratio.map { "\($0.rounded(toPlaces: 2)) bytes a byte of values" },
                ratio.map { .decimal($0.rounded(toPlaces: 4)) } ?? .none
            ))
    }
}

// MARK: Output

extension BenchReport {
    static let percentiles: [(key: String, title: String, value: Double)] = [
        ("p50", "p50", 50), ("p90", "p90", 90), ("p99", "p99", 99), ("p999", "p99.9", 99.9), ("p9999", "p99.99", 99.99),
    ]

    func print(asJSON: Bool, to out: inout StandardOutput) throws {
        guard !asJSON else {
            out.bytes.append(contentsOf: json)
            return try out.writeLine("")
        }
        try out.writeLine("\(command): \(setting)")
        try out.writeLine("")
        var table = Table([.init("figure", "Figure"), .init("value", "Value")])
        for figure in figures {
            let texts = figure.values.compactMap(\.text)
            if !texts.isEmpty { table.add(.text(figure.title), .text(texts.joined(separator: ", "))) }
        }
        try table.print(asJSON: false, to: &out)
        if !latencies.isEmpty {
            try out.writeLine("")
            try latencyTable.print(asJSON: false, to: &out)
        }
        for note in notes { try out.writeLine("\n" + note) }
    }

    /// Milliseconds.
    private var latencyTable: Table {
        var table = Table(
            [
                .init("latency", "Latency in ms"), .init("count", "Count", isNumber: true),
                .init("mean", "mean", isNumber: true),
            ]
                + Self.percentiles.map { .init($0.key, $0.title, isNumber: true) } + [
                    .init("max", "max", isNumber: true)
                ])
        for latency in latencies {
            let histogram = latency.histogram
            let values = [histogram.mean] + Self.percentiles.map { histogram.percentile($0.value) } + [histogram.max]
            table.rows.append(
                [.text(latency.title), .init(histogram.count)]
                    + values.map { $0.map { .decimal($0.rounded(toPlaces: $0 < 10 ? 3 : 1)) } ?? .none })
        }
        return table
    }

    var json: [UInt8] {
        var object = JSONObject()
        object.add("command", .text(command))
        for (key, cell) in parameters { object.add(key, cell) }
        for value in figures.flatMap(\.values) { object.add(value.key, value.json) }
        var all = JSONObject()
        for latency in latencies { all.add(latency.key, json: Self.json(latency.histogram)) }
        object.add("latencyMilliseconds", json: all.closed)
        var timelines = JSONObject()
        for flow in flows { timelines.add(flow.key, array: Self.json(flow.timeline)) }
        object.add("timelines", json: timelines.closed)
        object.add("notes", notes)
        object.add("interrupted", .flag(wasInterrupted))
        return object.closed
    }

    private static func json(_ histogram: LatencyHistogram) -> [UInt8] {
        func cell(_ value: Double?) -> Table.Cell { value.map { .decimal($0.rounded(toPlaces: 3)) } ?? .none }
        var object = JSONObject()
        object.add("count", .init(histogram.count))
        object.add("mean", cell(histogram.mean))
        for percentile in percentiles { object.add(percentile.key, cell(histogram.percentile(percentile.value))) }
        object.add("max", cell(histogram.max))
        return object.closed
    }

    private static func json(_ timeline: Timeline) -> [[UInt8]] {
        timeline.rates(pointsMax: BenchPlot.pointsMax).map { point in
            var object = JSONObject()
            object.add("second", .decimal(point.second.rounded(toPlaces: 2)))
            object.add("recordsPerSecond", .decimal(point.records.rounded(toPlaces: 1)))
            object.add("bytesPerSecond", .decimal(point.bytes.rounded(toPlaces: 1)))
            return object.closed
        }
    }
}
