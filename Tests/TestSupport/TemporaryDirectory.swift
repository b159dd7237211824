internal import Foundation

/// A directory of a test's own, gone with the object.
package final class TemporaryDirectory: Sendable {
    package let path: String

    /// `parent`: nil for the system's place for temporary files.
    package init(in parent: String? = nil) {
        let base = parent ?? FileManager.default.temporaryDirectory.path
        path = "\(base)/martlet-test-\(UUID().uuidString)"
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    /// One that costs no disk, where the system has that: for a test that is not about what a disk keeps.
    package static func inMemory() -> TemporaryDirectory {
        let memory = "/dev/shm"
        return TemporaryDirectory(in: FileManager.default.isWritableFile(atPath: memory) ? memory : nil)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The names in a directory under this one, sorted.
    package func names(in subdirectory: String = "") throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(path)/\(subdirectory)").sorted()
    }

    package func contents(of file: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(file)")))
    }

    package func write(_ bytes: [UInt8], to file: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(file)"))
    }

    package func remove(_ file: String) throws { try FileManager.default.removeItem(atPath: "\(path)/\(file)") }

    package func makeDirectory(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: "\(path)/\(name)", withIntermediateDirectories: true)
    }

    /// A copy as a crash at this moment would leave it to a kill: what the kernel has, nothing that a process has.
    package func copy() throws -> TemporaryDirectory {
        let copy = TemporaryDirectory()
        try FileManager.default.removeItem(atPath: copy.path)
        try FileManager.default.copyItem(atPath: path, toPath: copy.path)
        return copy
    }
}
