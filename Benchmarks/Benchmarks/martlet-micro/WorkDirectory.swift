import Foundation

/// Where a benchmark's files are: in MARTLET_MICRO_DIRECTORY, or where temporary files go. Each process has its own.
enum WorkDirectory {
    private static var path: String {
        let parent =
            ProcessInfo.processInfo.environment["MARTLET_MICRO_DIRECTORY"]
            ?? FileManager.default.temporaryDirectory.path
        return "\(parent)/martlet-micro-\(ProcessInfo.processInfo.processIdentifier)"
    }

    /// A path in it that nothing is at.
    static func place(_ name: String) throws -> String {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let place = "\(path)/\(name)"
        if FileManager.default.fileExists(atPath: place) { try FileManager.default.removeItem(atPath: place) }
        return place
    }

    static func remove() throws {
        if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
    }
}
