import Storage

/// Puts a small file in the place of another: the one or the other is there, whole, whatever happens.
enum FileReplacement {
    static func write(_ bytes: [UInt8], to path: String, _ fileSystem: any FileSystem) throws(FileError) {
        let temporary = path + ".tmp"
        let file = try fileSystem.open(temporary, .create)
        try file.truncate(to: 0)
        try file.write(bytes, at: 0)
        try file.synchronize()
        try fileSystem.rename(temporary, to: path)
        try fileSystem.synchronizeDirectory(directory(of: path))
    }

    static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
