import Foundation

/// The broker as users run it, on a directory of its own.
final class BrokerProcess {
    let address: WireAddress
    /// From when it was started until it answered.
    let startUp: Double
    private let process: Process

    var processID: Int32 { process.processIdentifier }

    /// - Parameters:
    ///   - settings: as of `martlet serve --set`.
    ///   - core: the only one that it may use, so that it has one event loop; nil: any.
    init(_ martlet: String, data: String, settings: [String: String] = [:], core: Int? = nil) throws {
        let process = Process()
        let command =
            (core.map { ["/usr/bin/taskset", "-c", "\($0)"] } ?? []) + [
                martlet, "serve", "--data", data, "--listen", "127.0.0.1:0", "--log-level", "warning",
            ] + settings.flatMap { ["--set", "\($0.key)=\($0.value)"] }
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        let output = Pipe()
        process.standardOutput = output
        let start = ContinuousClock.now
        try process.run()
        var line = ""
        while !line.contains("\n") {
            let data = output.fileHandleForReading.availableData
            guard !data.isEmpty else { throw BrokerProcessError.notStarted(line) }
            line += String(decoding: data, as: UTF8.self)
        }
        guard let port = line.firstMatch(of: /listens on 127\.0\.0\.1:(\d+)/).flatMap({ UInt16($0.1) }) else {
            throw BrokerProcessError.notStarted(line)
        }
        address = WireAddress(host: "127.0.0.1", port: port)
        let apis = try Self.offeredAPIs(address)
        startUp = (ContinuousClock.now - start) / .seconds(1)
        self.process = process
        self.apis = apis
    }

    private let apis: Set<Int16>

    func offers(_ api: WireRequest.API) -> Bool { apis.contains(api.rawValue) }

    private static func offeredAPIs(_ address: WireAddress) throws -> Set<Int16> {
        try WireConnection(to: address).call(WireRequest(.apiVersions, version: 0)) { answer in
            _ = answer.integer(Int16.self)
            return Set(answer.array { entry in (entry.integer(Int16.self), entry.integer(Int32.self)).0 })
        }
    }

    /// Seconds of processor time that it has taken.
    var processorTime: Double {
        let text = (try? String(contentsOfFile: "/proc/\(process.processIdentifier)/stat", encoding: .utf8)) ?? ""
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return 0 }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    func createTopic(_ name: String, partitions: Int32, settings: [String: String] = [:]) throws {
        let request = WireRequest(.createTopics, version: 4) { body in
            body.array([name]) { body, name in
                body.string(name)
                body.integer(partitions)
                body.integer(Int16(1))
                body.integer(Int32(0))
                body.array(settings.sorted { $0.key < $1.key }) { body, setting in
                    body.string(setting.key)
                    body.string(setting.value)
                }
            }
            body.integer(Int32(30_000))
            body.integer(UInt8(0))
        }
        let codes = try WireConnection(to: address).call(request) { answer in
            _ = answer.integer(Int32.self)
            return answer.array { topic in (topic.string(), topic.integer(Int16.self), topic.string()).1 }
        }
        guard codes == [0] else { throw WireError.refused("creating a topic", codes.first ?? -1) }
    }

    func stop() {
        process.terminate()
        process.waitUntilExit()
    }

    func kill() {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}

enum BrokerProcessError: Error, CustomStringConvertible {
    case notStarted(String)

    var description: String {
        switch self {
        case .notStarted(let line): "the broker did not start: \(line)"
        }
    }
}
