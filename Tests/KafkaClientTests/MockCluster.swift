import Foundation
import KafkaClient
import Testing

/// librdkafka's mock cluster in a process of its own: brokers that lead, move and fail as a test says. See
/// tools/support/mock_cluster.py.
final class MockCluster: @unchecked Sendable {
    // Unchecked: used by one test at a time.
    private let process: Process
    private let commands: FileHandle
    private let answers: FileHandle
    /// Addresses of all brokers.
    let bootstrap: String

    /// A Python with Kafka's clients, where the machine has one.
    static let python: String? = {
        let named = ProcessInfo.processInfo.environment["KAFKA_PYTHON"]
        return [named, "/usr/bin/python3"].compactMap { $0 }.first {
            (try? Python.run("import confluent_kafka, kafka", interpreter: $0)) != nil
        }
    }()

    private init(brokers: Int) throws {
        process = Process()
        process.executableURL = URL(filePath: try #require(Self.python))
        let script = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../tools/support/mock_cluster.py").standardized
        process.arguments = [script.path, "\(brokers)"]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        commands = input.fileHandleForWriting
        answers = output.fileHandleForReading
        try process.run()
        bootstrap = Self.line(answers)
        try #require(!bootstrap.isEmpty, "the mock cluster did not start")
    }

    static func with<R>(brokers: Int, _ body: (MockCluster) async throws -> R) async throws -> R {
        let cluster = try MockCluster(brokers: brokers)
        defer {
            try? cluster.commands.close()
            cluster.process.waitUntilExit()
        }
        return try await body(cluster)
    }

    /// Carries out a command, as mock_cluster.py lists them.
    func run(_ command: String) throws {
        try commands.write(contentsOf: Array((command + "\n").utf8))
        let answer = Self.line(answers)
        try #require(answer == "ok", "\(command): \(answer)")
    }

    private static func line(_ handle: FileHandle) -> String {
        var bytes: [UInt8] = []
        while let byte = try? handle.read(upToCount: 1)?.first, byte != UInt8(ascii: "\n") { bytes.append(byte) }
        return String(decoding: bytes, as: UTF8.self)
    }
}

enum Python {
    struct Failed: Error {}

    /// What a script prints, given something to read.
    static func run(_ script: String, interpreter: String? = MockCluster.python, input: String = "") throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: try #require(interpreter))
        process.arguments = ["-c", script]
        let (standardInput, standardOutput) = (Pipe(), Pipe())
        process.standardInput = standardInput
        process.standardOutput = standardOutput
        process.standardError = FileHandle.nullDevice
        try process.run()
        // Less than a pipe holds, so that neither side waits for the other.
        try standardInput.fileHandleForWriting.write(contentsOf: Array(input.utf8))
        try standardInput.fileHandleForWriting.close()
        let output = try standardOutput.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failed() }
        return String(decoding: output, as: UTF8.self)
    }
}
