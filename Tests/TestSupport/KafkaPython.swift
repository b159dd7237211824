internal import Foundation

/// A Python that has kafka-python and lz4, where the machine has one.
package enum KafkaPython {
    package static let interpreter: String? = {
        let named = ProcessInfo.processInfo.environment["KAFKA_PYTHON"]
        return [named, "/usr/bin/python3"].compactMap { $0 }.first {
            (try? run(interpreter: $0, ["-c", "import kafka.record, lz4.frame"]).status) == 0
        }
    }()

    /// What a test says that is skipped without it.
    package static let missing =
        "no Python with kafka-python and lz4: name one in KAFKA_PYTHON, which tools/support/client-python makes"

    package static func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
        guard let interpreter else { throw Missing() }
        return try run(interpreter: interpreter, arguments)
    }

    private struct Missing: Error, CustomStringConvertible {
        var description: String { KafkaPython.missing }
    }

    private static func run(interpreter: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(filePath: interpreter)
        // No compiled files beside the scripts.
        process.arguments = ["-B"] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}
