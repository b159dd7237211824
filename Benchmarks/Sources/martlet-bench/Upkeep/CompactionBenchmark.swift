import EventLog
import Foundation
import Yardstick

/// Compaction of LZ4 telemetry keyed by device: how much of it a core goes through in a second, and what memory a million
/// keys take.
struct CompactionBenchmark {
    private let scale: Scale
    init(_ scale: Scale) { self.scale = scale }

    func run() throws -> [Measurement] {
        // Much is replaced: a few thousand devices that send all the time. Little is: each record's key comes once more.
        let few = scale.amount(4_000_000)
        let many = scale.amount(2_000_000)
        return try measure("5,000 devices", few, devices: 5000)
            + measure("4 of 10 records stay", many, devices: many / 2)
            + memory()
    }

    /// What a pass read, and what it took.
    private struct Pass {
        var seconds: Double
        var processorSeconds: Double
        var bytes: Int
        var bytesLeft: Int
        var payload: Int
        var lz4Seconds: Double
    }

    private func measure(_ what: String, _ count: Int, devices: Int) throws -> [Measurement] {
        var passes: [Pass] = []
        for _ in 0..<(scale.isSmoke ? 1 : 3) { passes.append(try pass(count, devices: devices)) }
        let pass = passes.sorted { $0.processorSeconds < $1.processorSeconds }[passes.count / 2]
        // The processor's time, not the clock's: what a core would do that had nothing else to do.
        func rate(_ bytes: Int, _ seconds: Double) -> Double { Double(bytes) / 1e6 / seconds }
        return [
            Measurement(
                name: "compaction, \(what), uncompressed", unit: "MB/s a core",
                value: rate(pass.payload, pass.processorSeconds),
                yardstick: rate(pass.payload, pass.lz4Seconds), target: ">= 300 MB/s"),
            Measurement(
                name: "  the same in bytes of the log", unit: "MB/s a core",
                value: rate(pass.bytes, pass.processorSeconds),
                yardstick: rate(pass.bytes, pass.lz4Seconds), target: ""),
            Measurement(
                name: "  by the clock, uncompressed", unit: "MB/s", value: rate(pass.payload, pass.seconds),
                yardstick: nil,
                target: ""),
            Measurement(
                name: "  what is left of the log", unit: "%", value: Double(pass.bytesLeft) / Double(pass.bytes) * 100,
                yardstick: nil, target: ""),
        ]
    }

    private func pass(_ count: Int, devices: Int) throws -> Pass {
        let path = try scale.newDirectory("compaction")
        let (log, partition) = try filled(path, count, devices: devices)
        let bytes = partition.byteCount
        let logged = try contents(of: path)
        let payload = Telemetry.payloadBytes(count, devices: devices)
        let start = ProcessorTime.now
        _ = logged.withUnsafeBytes { yardstick_lz4_decompress($0.bindMemory(to: UInt8.self).baseAddress, $0.count) }
        let before = ProcessorTime.now
        let time = seconds { log.compactNow() }
        let used = ProcessorTime.now - before
        let left = partition.byteCount
        guard left < bytes else { throw BenchmarkError.didNothing("compaction left \(left) of \(bytes) bytes") }
        try log.close()
        return Pass(
            seconds: time, processorSeconds: used, bytes: bytes, bytesLeft: left, payload: payload,
            lz4Seconds: before - start)
    }

    /// A log of LZ4 batches as a producer sends them, all of it in segments that are not written to any more but the last.
    private func filled(
        _ path: String, _ count: Int, devices: Int, inTurn: Bool = false
    ) throws -> (EventLog, Partition) {
        var options = EventLogOptions()
        options.runsHousekeeping = false
        let log = try EventLog.open(at: path, options: options)
        let settings = try TopicSettings([
            "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0", "flush.messages": "1000000000",
            "segment.bytes": "\(scale.isSmoke ? 100_000 : 32 << 20)",
        ])
        let partition = try log.createTopic("t", settings: settings).partitions[0]
        let piece = 2000
        for start in stride(from: 0, to: count, by: piece) {
            try partition.append(
                contentsOf: Telemetry.records(start..<min(start + piece, count), devices: devices, inTurn: inTurn))
        }
        return (log, partition)
    }

    private func contents(of path: String) throws -> Data {
        let files = try FileManager.default.contentsOfDirectory(atPath: "\(path)/t-0").filter { $0.hasSuffix(".log") }
        var all = Data()
        for file in files.sorted() { all += try Data(contentsOf: URL(fileURLWithPath: "\(path)/t-0/\(file)")) }
        return all
    }

    // MARK: Memory

    /// What a pass takes over what there was before it, at its most: the map of the keys, and buffers.
    private func memory() throws -> [Measurement] {
        let keys = scale.amount(1_000_000)
        let path = try scale.newDirectory("compaction-memory")
        let (log, _) = try filled(path, keys * 11 / 10, devices: keys, inTurn: true)
        try log.close()
        // In a process of its own, where nothing was used before that could be used again.
        let bytes = try PeakMemory.ofCompaction(at: path)
        return [
            Measurement(
                name: "memory of a pass over \(keys) keys", unit: "MB", value: Double(bytes) / 1e6, yardstick: nil,
                target: "<= 32 MB")
        ]
    }
}

enum BenchmarkError: Error, CustomStringConvertible {
    case didNothing(String)
    case child(Int32)

    var description: String {
        switch self {
        case .didNothing(let what): "nothing was measured: \(what)"
        case .child(let status): "the process that was measured ended with \(status)"
        }
    }
}

/// Seconds of processor time of all of this process's threads.
enum ProcessorTime {
    static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}

/// The most memory that a process had resident, in bytes.
enum PeakMemory {
    /// How much more a process has at its most while it compacts the log at `path` than before.
    static func ofCompaction(at path: String) throws -> Int {
        let child = Process()
        child.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        child.arguments = ["compact", path]
        let output = Pipe()
        child.standardOutput = output
        try child.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        child.waitUntilExit()
        guard child.terminationStatus == 0, let bytes = Int(text.split(separator: "\n").last ?? "") else {
            throw BenchmarkError.child(child.terminationStatus)
        }
        return bytes
    }

    /// What the child does.
    static func printOfCompaction(at path: String) throws {
        var options = EventLogOptions()
        options.runsHousekeeping = false
        let log = try EventLog.open(at: path, options: options)
        let before = resident("VmRSS")
        let bytes = log.topics.first?.partitions[0].byteCount ?? 0
        log.compactNow()
        guard log.topics.first?.partitions[0].byteCount ?? 0 < bytes else {
            throw BenchmarkError.didNothing("\(bytes) bytes are left")
        }
        // Pages of mapped files are the page cache's, and given back when someone wants them: they are not counted.
        print(resident("VmHWM") - before)
        try log.close()
    }

    private static func resident(_ field: String) -> Int {
        let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix(field + ":") }
        return (line?.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) } ?? 0) * 1024
    }
}
