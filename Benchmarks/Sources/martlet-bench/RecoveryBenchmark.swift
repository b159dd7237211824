import EventLog
import Foundation

/// How long a directory takes to open whose writer was killed under full load.
struct RecoveryBenchmark {
    private let scale: Scale
    init(_ scale: Scale) { self.scale = scale }

    func run() throws -> [Measurement] {
        var times: [Double] = []
        for _ in 0..<(scale.isSmoke ? 1 : 3) { times.append(try killAndOpen()) }
        guard let worst = times.max() else { return [] }
        return [
            Measurement(
                name: "open after kill -9 under load (worst)", unit: "ms", value: worst * 1000, yardstick: nil,
                target: "< 1000 ms")
        ]
    }

    private func killAndOpen() throws -> Double {
        let path = try scale.newDirectory("recovery")
        let child = Process()
        child.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        child.arguments = ["load", path]
        try child.run()
        Thread.sleep(forTimeInterval: scale.isSmoke ? 0.5 : 6)
        kill(child.processIdentifier, SIGKILL)
        child.waitUntilExit()
        var log: EventLog?
        let time = try seconds { () throws(LogError) in log = try EventLog.open(at: path) }
        try log?.close()
        return time
    }

    /// What the child does: appends durably, as fast as it can, until it is killed.
    static func load(_ path: String) throws {
        let log = try EventLog.open(at: path)
        let topic = try log.createTopic("t", partitions: 8)
        let records = Telemetry.records(5000)
        let appends = topic.partitions.map { PartitionAppend(to: $0, records) }
        while true { _ = try log.append(appends) }
    }
}
