internal import TestSupport

/// The file of a topic's segment, by its name.
struct SegmentPath {
    let path: String
    let base: Int64
    /// Of the partition.
    var directory: Substring { path[..<(path.lastIndex(of: "/") ?? path.endIndex)] }

    /// Those of topics, in order of paths.
    static func all(of disk: SimulatedDisk) -> [SegmentPath] {
        disk.files.compactMap { path in
            guard path.hasPrefix("/data/t"), path.hasSuffix(".log"), let slash = path.lastIndex(of: "/"),
                let base = Int64(path[path.index(after: slash)...].dropLast(4))
            else { return nil }
            return SegmentPath(path: path, base: base)
        }
    }
}
