import KafkaClient
import RecordFormat

/// What `martlet disk` says: rows, sums, and how long there is room.
struct DiskReport {
    private let survey: DiskSurvey
    private let level: Disk.Level
    private let rows: [Row]
    private let hidden: Int
    private let all: DiskUse
    private let volumes: [Volume]

    private struct Row {
        var topic: String
        var partition: Int?
        var use: DiskUse
    }

    private struct Volume {
        var directory: LogDirectory
        var reserve: Int64?
        /// nil: the broker does not say how much room there is.
        var outcome: DiskForecast.Outcome?
    }

    init(_ survey: DiskSurvey, level: Disk.Level, order: Disk.Order, top: Int?, reserve: DiskReserve) {
        self.survey = survey
        self.level = level
        var rows =
            switch level {
            case .topic: survey.topics.map { Row(topic: $0, use: DiskUse(survey.uses(ofTopic: $0))) }
            case .partition:
                survey.uses.map {
                    Row(topic: $0.partition.topic, partition: $0.partition.partition, use: DiskUse([$0]))
                }
            }
        // Rows come in order of names: those that are the same stay so.
        func value(_ row: Row) -> Int64 {
            switch order {
            case .name: 0
            case .bytes: row.use.bytes ?? -1
            case .growth: row.use.growth?.perDay ?? -1
            }
        }
        rows = rows.enumerated().sorted { a, b in
            let (first, second) = (value(a.element), value(b.element))
            return first == second ? a.offset < b.offset : first > second
        }.map(\.element)
        self.rows = top.map { Array(rows.prefix($0)) } ?? rows
        hidden = rows.count - self.rows.count
        all = DiskUse(survey.uses)
        volumes = survey.directories.map { directory in
            Volume(
                directory: directory, reserve: directory.totalBytes.map(reserve.bytes(of:)),
                outcome: survey.forecast(directory, reserve: reserve)?.outcome)
        }
    }

    /// Whether a volume has come to its reserve within so many milliseconds.
    func isReached(within milliseconds: Int64) -> Bool {
        volumes.contains { volume in
            switch volume.outcome {
            case .now: true
            case .inDays(let days): days * Double(Growth.day) <= Double(milliseconds)
            case .never, .notForLong, nil: false
            }
        }
    }

    // MARK: For people

    /// - Parameter showsVolumes: false where only a part of what is there was looked at.
    func print(showsVolumes: Bool, to out: inout StandardOutput) throws {
        if rows.isEmpty {
            try out.writeLine("There are no topics yet. Make one: martlet topic create NAME")
        } else {
            var table = self.table
            table.removeColumn("isHeld")
            if level == .topic { table.removeColumn("partition") }
            if rows.allSatisfy({ $0.use.note == nil }) { table.removeColumn("note") }
            try table.print(asJSON: false, to: &out)
            if hidden > 0 { try out.writeLine("and \(hidden.grouped) more") }
            try out.writeLine("")
            try out.writeLine("In all: \(sum)")
        }
        guard showsVolumes else { return }
        try out.writeLine("")
        for volume in volumes {
            try out.writeLine("Volume   \(line(volume))")
            if let outcome = volume.outcome, let reserve = volume.reserve {
                try out.writeLine("Reserve  \(BinarySize.text(reserve)): \(line(outcome))")
            }
        }
    }

    private var sum: String {
        var text = all.bytes.map(BinarySize.text) ?? "not known"
        if let growth = all.growth { text += ", \(BinarySize.text(growth.perDay)) more a day" }
        if let held = all.bound.bytes { text += ", held at \(BinarySize.text(held))" }
        if let total = survey.totalBound { text += "; retention.total.bytes \(BinarySize.exact(total))" }
        return text
    }

    private func line(_ volume: Volume) -> String {
        let directory = volume.directory
        var text = directory.path
        if survey.directories.count > 1 { text = "broker \(directory.broker), \(text)" }
        guard let total = directory.totalBytes, let usable = directory.usableBytes else {
            return text + ": how much room there is, this broker does not say"
        }
        return text + ": \(BinarySize.text(usable)) of \(BinarySize.text(total)) can still be used"
    }

    private func line(_ outcome: DiskForecast.Outcome) -> String {
        switch outcome {
        case .now: "REACHED: delete something, or keep less (martlet topic alter NAME --set retention.ms=…)"
        case .inDays(let days):
            "reached about \(TimeText.minute(time(inDays: days))), in \(SpanText.forPeople(Self.span(days)))"
        case .notForLong: "not reached in a hundred years"
        case .never(let bytes):
            switch all.growth?.perDay {
            case nil where all.bytes ?? 0 > 0: "not known yet: what there is, is too young for a rate"
            case nil, 0: "not reached: nothing has been written in the last day"
            default: "not reached at this rate: the settings hold what is there at \(BinarySize.text(bytes))"
            }
        }
    }

    private static func span(_ days: Double) -> Int64 { Int64(clamping: days * Double(Growth.day)) }

    private func time(inDays days: Double) -> Int64 { survey.now.milliseconds.addingClamped(Self.span(days)) }

    private var table: Table {
        var table = Table([
            .init("topic", "Topic"), .init("partition", "Partition", isNumber: true),
            .init("bytes", "Bytes", isNumber: true), .init("share", "Share"),
            .init("records", "Records", isNumber: true), .init("oldest", "Oldest"),
            .init("growthPerDay", "Growth/day", isNumber: true), .init("heldAt", "Held at", isNumber: true),
            .init("isHeld", "Is held"), .init("note", "Note"),
        ])
        for row in rows {
            let use = row.use
            table.add(
                .text(row.topic), row.partition.map { .init($0) } ?? .none, .size(use.bytes), share(of: use),
                .init(use.records), .minute(use.oldest?.milliseconds), .size(use.growth?.perDay),
                held(use.bound), .flag(use.bound != .unbounded), .init(use.note))
        }
        return table
    }

    /// A bar of ten, and the part of all bytes.
    private func share(of use: DiskUse) -> Table.Cell {
        guard let bytes = use.bytes, let all = all.bytes else { return .none }
        let part = all > 0 ? Double(bytes) / Double(all) : 0
        let filled = Int((part * 10).rounded())
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 10 - filled)
        let percent = String(Int((part * 100).rounded()))
        let padding = String(repeating: " ", count: 3 - percent.count)
        return .figure("\(bar) \(padding)\(percent) %", json: part.rounded(toPlaces: 4))
    }

    private func held(_ bound: HoldBound) -> Table.Cell {
        switch bound {
        case .unbounded: .none
        case .unknown: .figure("?", json: "null")
        case .bytes(let bytes): .size(bytes)
        }
    }

    // MARK: For programs

    var json: [UInt8] {
        var object = JSONObject()
        object.add("at", .time(survey.now))
        object.add("bytes", .size(all.bytes))
        object.add("growthPerDay", .size(all.growth?.perDay))
        object.add("heldAt", .size(all.bound.bytes))
        object.add("retentionTotalBytes", .size(survey.totalBound))
        object.add(level == .topic ? "topics" : "partitions", json: table.json)
        object.add("volumes", array: volumes.map(json))
        return object.closed
    }

    private func json(_ volume: Volume) -> [UInt8] {
        var object = JSONObject()
        object.add("broker", .init(volume.directory.broker))
        object.add("path", .text(volume.directory.path))
        object.add("totalBytes", .size(volume.directory.totalBytes))
        object.add("usableBytes", .size(volume.directory.usableBytes))
        object.add("reserveBytes", .size(volume.reserve))
        let milliseconds: Int64? =
            switch volume.outcome {
            case .now: 0
            case .inDays(let days): Self.span(days)
            case .never, .notForLong, nil: nil
            }
        object.add(
            "reserveReachedAt",
            .time(milliseconds.map { Timestamp(milliseconds: survey.now.milliseconds.addingClamped($0)) }))
        object.add("secondsToReserve", .span(milliseconds))
        return object.closed
    }
}
