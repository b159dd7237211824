import Foundation
import Yardstick

/// What a server took under a load of requests that are all alike.
struct NetworkLoad {
    /// Answers a second.
    let rate: Double
    /// Processor seconds of the server for each answer.
    let serverTime: Double
    /// How many requests were answered in all, those of the warm-up included.
    let answers: Int
    let p99: Double

    /// - Parameters:
    ///   - requests: one for each connection, of one size.
    ///   - answer: bytes of each answer, its length included.
    init(
        _ requests: [WireRequest], to port: UInt16, server: Int32, answer: Int, depth: Int, seconds: Double
    ) throws {
        let bytes = requests.flatMap(\.frame)
        var result = yardstick_load_result()
        let status = bytes.withUnsafeBufferPointer { bytes in
            var load = yardstick_load()
            load.port = port
            load.server = server
            load.connections = Int32(requests.count)
            load.depth = Int32(depth)
            load.requests = bytes.baseAddress
            load.request = bytes.count / requests.count
            load.answer = answer
            load.warm_up = seconds / 4
            load.duration = seconds
            return yardstick_load(&load, &result)
        }
        guard status == 0 else { throw WireError.lost(errno) }
        guard result.answers > 0 else { throw BenchmarkError.didNothing("no request was answered") }
        rate = Double(result.answers) / result.elapsed
        serverTime = result.server_time / Double(result.answers)
        answers = Int(result.answers_in_all)
        p99 = result.p99
    }
}

/// The server in C, in a process of its own, on the same core as the broker that it is compared with.
final class YardstickServer {
    let port: UInt16
    private let process = Process()
    var processID: Int32 { process.processIdentifier }

    init(_ service: ServeYardstick.Service, answer: Int, directory: String) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/taskset")
        process.arguments = [
            "-c", "0", URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path, "serve-yardstick",
            service.rawValue, "\(answer)", directory,
        ]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        guard let port = UInt16(line.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw BrokerProcessError.notStarted(line)
        }
        self.port = port
    }

    func stop() {
        process.terminate()
        process.waitUntilExit()
    }
}
