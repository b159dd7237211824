import EventLog
import Foundation

/// Consumer groups: durable commits of many callers at once, and how long what they have committed takes to load.
struct GroupsBenchmark {
    private let scale: Scale
    init(_ scale: Scale) { self.scale = scale }

    func run() throws -> [Measurement] { try commits() + load() }

    // MARK: Commits

    private static let callers = 100

    private func commits() throws -> [Measurement] {
        try [1, 10].map { partitions in
            let rates = try repeated(scale.runs) { try commitRate(partitions: partitions) }
            return Measurement(
                name:
                    "durable commits, \(Self.callers) callers, \(partitions) offset\(partitions == 1 ? "" : "s") each",
                unit: "commits/s", runs: rates, target: partitions == 1 ? ">= 50000/s" : "")
        }
    }

    /// Each caller has a group of its own, and commits again when it has been answered.
    private func commitRate(partitions: Int) throws -> Double {
        var options = EventLogOptions()
        options.journalBytesInitial = options.journalBytesMax
        let log = try EventLog.open(at: try scale.newDirectory("commits"), options: options)
        let topic = try log.createTopic("readings", partitions: partitions)
        let positions = topic.partitions.map { ConsumerGroup.Position(0, in: $0, metadata: "") }
        for caller in 0..<Self.callers { try log.group("group-\(caller)").commit(positions) }
        let rate = Callers.rate(of: Self.callers, for: .seconds(scale.isSmoke ? 0.1 : 3)) { caller in
            try await log.group("group-\(caller)").commit(positions)
        }
        try log.close()
        return rate
    }

    // MARK: Loading

    private func load() throws -> [Measurement] {
        let path = try scale.newDirectory("groups")
        let groups = scale.amount(2000)
        let log = try EventLog.open(at: path)
        let topic = try log.createTopic("readings", partitions: 50)
        let positions = topic.partitions.map { ConsumerGroup.Position(0, in: $0, metadata: "") }
        for group in 0..<groups { try log.group("group-\(group)").commit(positions) }
        try log.close()
        let what = "load \(groups) groups × 50 partitions"
        return [
            try measure(what + ", snapshots", path) {},
            try measure(what + ", log alone", path) { try removeSnapshots(path) },
        ]
    }

    private func measure(_ name: String, _ path: String, _ prepare: () throws -> Void) throws -> Measurement {
        let times = try repeated(scale.runs) {
            try prepare()
            let log = try EventLog.open(at: path)
            let time = try seconds { () throws(LogError) in _ = try log.groupNames() }
            try log.close()
            return time
        }
        return Measurement(name: name, unit: "ms", runs: times.scaled(by: 1000), target: "< 1000 ms")
    }

    private func removeSnapshots(_ path: String) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: path)
        where name.hasPrefix("__consumer_offsets-") {
            try? FileManager.default.removeItem(atPath: "\(path)/\(name)/offsets.snapshot")
        }
    }
}
