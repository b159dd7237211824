import RecordFormat
import Storage

/// The kinds of files that a partition's directory holds, by their names.
enum SegmentFileKind: String, CaseIterable {
    case log, index, timeindex

    /// nil: the name is none of a segment's.
    init?(path: String) {
        guard let dot = path.lastIndex(of: ".") else { return nil }
        self.init(rawValue: String(path[path.index(after: dot)...]))
    }
}

/// The base offset in a segment file's name; nil: it is no such name.
func baseOffset(inName path: String) -> Offset? {
    let name = path.split(separator: "/").last ?? ""
    let digits = name.prefix { $0 != "." }
    guard digits.utf8.count == 20, let value = Int64(digits), value >= 0 else { return nil }
    return Offset(value)
}

/// Maps a file for reading. An empty one has no bytes.
func mapFile(_ path: String) throws -> MappedFile {
    let fileSystem = PosixFileSystem()
    if (try? fileSystem.list(path)) != nil { throw Failure("\(path) is a directory: give a file in it") }
    let file = try fileSystem.open(path, .read)
    return try file.map(count: try file.size())
}
