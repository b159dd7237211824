import EventLog
import Foundation
import Synchronization

/// What producers feel of retention and compaction: how long a durable append takes in 99 of 100 cases, with the log kept
/// in bounds meanwhile and without. Both on the same machine, in turn, with the same load beside.
struct ForegroundBenchmark {
    private let scale: Scale
    init(_ scale: Scale) { self.scale = scale }

    /// Latencies in seconds, of appends with upkeep or without.
    private struct Samples {
        var quiet: [Double] = []
        var busy: [Double] = []
    }

    private var turns: Int { scale.isSmoke ? 1 : 5 }
    private var secondsATurn: Double { scale.isSmoke ? 0.3 : 4 }

    // MARK: The library

    /// Appends by the library, in this process.
    func library() throws -> [Measurement] {
        var options = EventLogOptions()
        options.journalBytesInitial = options.journalBytesMax
        options.settings = try UpkeepLoad.logSettings(isOn: false)
        let log = try EventLog.open(at: try scale.newDirectory("foreground"), options: options)
        let partition = try log.createTopic("foreground").partitions[0]
        let load = try UpkeepLoad(log)
        load.start()
        var samples = Samples()
        for _ in 0..<turns {
            log.apply(try UpkeepLoad.logSettings(isOn: false))
            samples.quiet += try latencies(partition)
            log.apply(try UpkeepLoad.logSettings(isOn: true))
            // What has gathered in the quiet turn goes first.
            samples.busy += try latencies(partition)
        }
        load.stop()
        let (appended, left) = load.bytes
        guard left < appended / 2 || scale.isSmoke else {
            throw BenchmarkError.didNothing("\(left) of \(appended) bytes are left")
        }
        try log.close()
        return measurements("library", samples)
            + [
                Measurement(
                    name: "  appended beside and kept in bounds", unit: "MB", value: Double(appended) / 1e6,
                    yardstick: nil, target: "")
            ]
    }

    private func latencies(_ partition: Partition) throws -> [Double] {
        let records = Telemetry.records(10)
        var times: [Double] = []
        let end = ContinuousClock.now + .seconds(secondsATurn)
        while ContinuousClock.now < end {
            times.append(try seconds { () throws(LogError) in _ = try partition.append(contentsOf: records) })
        }
        return times
    }

    // MARK: The broker

    /// Batches to the real binary over TCP.
    func broker() throws -> [Measurement] {
        var samples = Samples()
        let quiet = try ProduceLoad(scale, "foreground-quiet", isKept: false)
        let busy = try ProduceLoad(scale, "foreground-busy", isKept: true)
        for _ in 0..<turns {
            samples.quiet += try quiet.run(seconds: secondsATurn)
            samples.busy += try busy.run(seconds: secondsATurn)
        }
        quiet.stop()
        busy.stop()
        return measurements("broker over TCP", samples)
    }

    private func measurements(_ what: String, _ samples: Samples) -> [Measurement] {
        let (quiet, busy) = (samples.quiet.sorted(), samples.busy.sorted())
        func at(_ part: Double, _ sorted: [Double]) -> Double {
            sorted.isEmpty ? 0 : sorted[Int(Double(sorted.count - 1) * part)] * 1e6
        }
        return [
            Measurement(
                name: "produce, \(what), 99 of 100; C: without", unit: "µs", value: at(0.99, busy),
                yardstick: at(0.99, quiet), target: "<= 150 %"),
            Measurement(
                name: "  median", unit: "µs", value: at(0.5, busy), yardstick: at(0.5, quiet), target: ""),
        ]
    }
}

/// What makes work for retention and compaction: telemetry to a compacted topic and to one of a few segments, at the same
/// rate whether it is kept in bounds or not.
private final class UpkeepLoad: Sendable {
    private let compacted: Partition
    private let bounded: Partition
    private let isStopping = Atomic(false)
    private let appended = Atomic(0)
    private let running = DispatchGroup()

    static let compactedSettings = [
        "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.3", "segment.bytes": "\(4 << 20)",
        "flush.messages": "100000", "max.compaction.lag.ms": "10000",
    ]
    static let boundedSettings = [
        "retention.bytes": "\(8 << 20)", "segment.bytes": "\(1 << 20)", "flush.messages": "100000",
    ]
    /// How many records each of the two gets a second, about 100 bytes each.
    static let recordsASecond = 200_000
    static let devices = 20_000

    static func logSettings(isOn: Bool) throws -> LogSettings {
        var settings = LogSettings()
        for (name, value) in logSettingTexts(isOn: isOn) { try settings.set(name, to: value) }
        return settings
    }

    static func logSettingTexts(isOn: Bool) -> [String: String] {
        let interval = isOn ? "100" : "\(Int64.max)"
        return [
            "log.cleaner.enable": "\(isOn)", "log.cleaner.backoff.ms": interval,
            "log.retention.check.interval.ms": interval,
        ]
    }

    init(_ log: EventLog) throws {
        compacted = try log.createTopic("compacted", settings: TopicSettings(Self.compactedSettings)).partitions[0]
        bounded = try log.createTopic("bounded", settings: TopicSettings(Self.boundedSettings)).partitions[0]
    }

    func start() {
        running.enter()
        Thread.detachNewThread { [self] in
            run()
            running.leave()
        }
    }

    func stop() {
        isStopping.store(true, ordering: .releasing)
        running.wait()
    }

    /// What was appended, uncompressed; and what there is now, compressed.
    var bytes: (appended: Int, left: Int) {
        (appended.load(ordering: .acquiring), compacted.byteCount + bounded.byteCount)
    }

    private func run() {
        let piece = Self.recordsASecond / 100
        let pieces = (0..<20).map { Telemetry.records($0 * piece..<($0 + 1) * piece, devices: Self.devices) }
        let start = ContinuousClock.now
        var count = 0
        while !isStopping.load(ordering: .acquiring) {
            let due = start + .milliseconds(10 * count)
            let wait = (due - .now) / .microseconds(1)
            if wait > 0 { usleep(UInt32(wait)) }
            let records = pieces[count % pieces.count]
            _ = try? compacted.append(contentsOf: records)
            _ = try? bounded.append(contentsOf: records)
            appended.add(records.count * 200, ordering: .releasing)
            count += 1
        }
    }
}

/// A broker with such a load over TCP, and one connection that is measured: it sends a batch of ten records, waits until
/// they are on disk, and sends the next.
private final class ProduceLoad {
    private let process: BrokerProcess
    private let foreground: WireConnection
    private let background: WireConnection
    private let poller = WirePoller()
    private let small: WireRequest
    private let large: [WireRequest]
    private var backgroundSent = 0
    private var backgroundAnswered = 0

    init(_ scale: Scale, _ name: String, isKept: Bool) throws {
        process = try BrokerProcess(
            scale.martlet, data: try scale.newDirectory(name), settings: UpkeepLoad.logSettingTexts(isOn: isKept))
        try process.createTopic("foreground", partitions: 1)
        try process.createTopic("compacted", partitions: 1, settings: UpkeepLoad.compactedSettings)
        try process.createTopic("bounded", partitions: 1, settings: UpkeepLoad.boundedSettings)
        foreground = try WireConnection(to: process.address)
        background = try WireConnection(to: process.address)
        poller.add(foreground, number: 0)
        poller.add(background, number: 1)
        small = try .produce(Telemetry.records(10), compression: .none, to: ["foreground"])
        let piece = UpkeepLoad.recordsASecond / 100
        large = try (0..<20).map { i in
            let records = Telemetry.records(i * piece..<(i + 1) * piece, devices: UpkeepLoad.devices)
            return try .produce(records, compression: .lz4, to: ["compacted", "bounded"])
        }
    }

    /// How long each of the small requests took, in seconds.
    func run(seconds: Double) throws -> [Double] {
        var times: [Double] = []
        let start = ContinuousClock.now
        let end = start + .seconds(seconds)
        var sent = try send()
        var pieces = 0
        while true {
            let now = ContinuousClock.now
            if now >= end { break }
            let due = start + .milliseconds(10 * pieces)
            if now >= due, backgroundSent - backgroundAnswered < 4 {
                try background.send(large[backgroundSent % large.count].frame)
                backgroundSent += 1
                pieces += 1
            }
            try poller.wait(until: min(end, max(due, now + .milliseconds(1)))) { number in
                if number == 1 {
                    return try background.receive { answer in
                        try Self.check(answer)
                        backgroundAnswered += 1
                    }
                }
                var isAnswered = false
                try foreground.receive { answer in
                    try Self.check(answer)
                    isAnswered = true
                }
                guard isAnswered else { return }
                times.append((.now - sent) / .seconds(1))
                sent = try send()
            }
        }
        try foreground.receive(waiting: true) { try Self.check($0) }
        while backgroundAnswered < backgroundSent {
            try background.receive(waiting: true) { answer in
                try Self.check(answer)
                backgroundAnswered += 1
            }
        }
        return times
    }

    private func send() throws -> ContinuousClock.Instant {
        let now = ContinuousClock.now
        try foreground.send(small.frame)
        return now
    }

    private static func check(_ answer: UnsafeRawBufferPointer) throws {
        try ProduceAnswer.check(WireReader.answer(answer, ProduceAnswer.codes))
    }

    func stop() { process.kill() }
}

extension WireRequest {
    /// One batch, to partition 0 of each topic; answered when it is on disk there.
    static func produce(_ records: [Record], compression: Compression, to topics: [String]) throws -> WireRequest {
        var builder = RecordBatchBuilder(compression: compression)
        for record in records { builder.append(record, defaultTimestamp: .none) }
        try builder.finish()
        let batch = builder.withUnsafeBytes { Array($0) }
        return .produce(batch, acks: -1, to: topics.map { ($0, 0) })
    }
}
