import EventLog
import Foundation
import Synchronization

/// Retention of a thousand segments at once, with readers and an appender at work: how long it takes, and how long they
/// are held up.
struct RetentionBenchmark {
    private let scale: Scale
    init(_ scale: Scale) { self.scale = scale }

    private var segments: Int { scale.isSmoke ? 20 : 1000 }

    private struct Result {
        var seconds = 0.0
        var unlinkSeconds = 0.0
        var quietRead = 0.0, read = 0.0
        var quietAppend = 0.0, append = 0.0
    }

    func run() throws -> [Measurement] {
        var results: [Result] = []
        for _ in 0..<(scale.isSmoke ? 1 : 3) { results.append(try measure()) }
        func worst(_ part: (Result) -> Double) -> Double { results.map(part).max() ?? 0 }
        return [
            Measurement(
                name: "retention of \(segments) segments (worst)", unit: "ms", value: worst(\.seconds) * 1000,
                yardstick: worst(\.unlinkSeconds) * 1000, target: "< 1000 ms"),
            Measurement(
                name: "  longest read meanwhile; C: before", unit: "ms", value: worst(\.read) * 1000,
                yardstick: worst(\.quietRead) * 1000, target: "no stall"),
            Measurement(
                name: "  longest append meanwhile; C: before", unit: "ms", value: worst(\.append) * 1000,
                yardstick: worst(\.quietAppend) * 1000, target: ""),
        ]
    }

    private func measure() throws -> Result {
        var options = EventLogOptions()
        options.runsHousekeeping = false
        let log = try EventLog.open(at: try scale.newDirectory("retention"), options: options)
        let topic = try log.createTopic("t", settings: settings(retention: nil))
        let partition = topic.partitions[0]
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        try fill(partition, segments: segments, time: now - 86_400_000)
        let oldEnd = partition.end
        try fill(partition, segments: 8, time: now)
        let work = ForegroundWork(partition, from: oldEnd)
        work.start()
        Thread.sleep(forTimeInterval: scale.isSmoke ? 0.05 : 1)
        var result = Result()
        (result.quietRead, result.quietAppend) = work.takeLongest()
        try topic.alter(settings(retention: 3_600_000))
        _ = work.takeLongest()
        result.seconds = seconds { log.retainNow() }
        (result.read, result.append) = work.takeLongest()
        work.stop()
        // The segment stays in which the young ones begin.
        guard partition.logStart.distance(from: oldEnd) > -10_000 else {
            throw BenchmarkError.didNothing("the log starts at \(partition.logStart), and \(oldEnd) was due")
        }
        try log.close()
        result.unlinkSeconds = try unlinkAsMany()
        return result
    }

    private func settings(retention: Int?) throws -> TopicSettings {
        var pairs = [
            "flush.messages": "1000000000", "compression.type": "producer", "segment.bytes": "\(Self.segmentBytes)",
        ]
        if let retention { pairs["retention.ms"] = "\(retention)" }
        return try TopicSettings(pairs)
    }

    private static let segmentBytes = 256 << 10

    private func fill(_ partition: Partition, segments: Int, time: Int64) throws {
        let records = Telemetry.records(1000).map { record in
            var record = record
            record.timestamp = Timestamp(milliseconds: time)
            return record
        }
        let target = partition.byteCount + segments * Self.segmentBytes
        while partition.byteCount < target { try partition.append(contentsOf: records) }
    }

    /// What the file system takes for as many files of that size, one after the other.
    private func unlinkAsMany() throws -> Double {
        let path = try scale.newDirectory("unlinked")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for i in 0..<segments {
            for (suffix, bytes) in [("log", Self.segmentBytes), ("index", 512), ("timeindex", 768)] {
                let file = "\(path)/\(i).\(suffix)"
                _ = FileManager.default.createFile(atPath: file, contents: Data(count: bytes))
            }
        }
        return seconds {
            for i in 0..<segments { for suffix in ["log", "index", "timeindex"] { unlink("\(path)/\(i).\(suffix)") } }
        }
    }
}

/// Two readers at random places and an appender, each of which notes how long its calls take.
private final class ForegroundWork: Sendable {
    private let partition: Partition
    private let first: Offset
    private let isStopping = Atomic(false)
    private let longest = Mutex((read: 0.0, append: 0.0))
    private let running = DispatchGroup()

    init(_ partition: Partition, from first: Offset) {
        self.partition = partition
        self.first = first
    }

    func start() {
        for seed in 1...2 { run { [self] in read(seed: UInt64(seed)) } }
        run { [self] in append() }
    }

    private func run(_ body: @escaping @Sendable () -> Void) {
        running.enter()
        Thread.detachNewThread { [running] in
            body()
            running.leave()
        }
    }

    func stop() {
        isStopping.store(true, ordering: .releasing)
        running.wait()
    }

    /// The longest calls since the last time.
    func takeLongest() -> (read: Double, append: Double) {
        longest.withLock { longest in
            defer { longest = (0, 0) }
            return longest
        }
    }

    private func read(seed: UInt64) {
        var state = seed
        while !isStopping.load(ordering: .acquiring) {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let offset = first.advanced(by: Int64((state >> 33) % UInt64(partition.end.distance(from: first))))
            let time = seconds {
                guard let found = try? partition.read(from: .offset(offset), maxRecords: 10), !found.isEmpty else {
                    preconditionFailure("a read at \(offset) failed")
                }
            }
            longest.withLock { $0.read = max($0.read, time) }
        }
    }

    private func append() {
        let records = Telemetry.records(10)
        while !isStopping.load(ordering: .acquiring) {
            let time = seconds { _ = try? partition.append(contentsOf: records) }
            longest.withLock { $0.append = max($0.append, time) }
            usleep(1000)
        }
    }
}
