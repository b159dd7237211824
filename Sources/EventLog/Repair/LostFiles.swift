internal import Storage

/// `DATA/lost`: what was damaged and taken out of segments, byte for byte, and a text file that says of each where it was.
/// Nothing in it is ever changed or removed.
struct LostFiles {
    static let directoryName = "lost", listName = "README"

    private let directory: String
    private let data: String
    private let fileSystem: any FileSystem

    init(in data: String, _ fileSystem: any FileSystem) {
        self.data = data
        self.fileSystem = fileSystem
        directory = "\(data)/\(Self.directoryName)"
    }

    /// Copies a range of a segment, durably with its line in the list. Returns the file's path; nil: the range has no bytes,
    /// and a line alone. Who was cut short and does it again leaves no second one.
    func save(
        _ range: DamagedRange, from file: any StorageFile, segment: Offset, _ partition: Partition
    ) throws(FileError) -> String? {
        let place = TopicName.directory(partition.topicName, partition.index)
        let last = range.offsets.upperBound.advanced(by: -1)
        let name =
            "\(place).offsets-\(range.offsets.lowerBound)-\(last).segment-\(segment).byte-\(range.bytes.lowerBound)"
        if !fileSystem.exists(directory) {
            try fileSystem.createDirectory(directory)
            try fileSystem.synchronizeDirectory(data)
        }
        let saved = range.bytes.isEmpty ? nil : try copy(range.bytes, of: file, to: name)
        try list(
            "\(saved ?? "(no bytes)"): \(place), offsets \(range.offsets.lowerBound) to \(last): \(range.bytes.count) bytes "
                + "from byte \(range.bytes.lowerBound) of \(file.path): \(range.reason)\n")
        return saved.map { "\(directory)/\($0)" }
    }

    /// Another name where another file has that one: the place may have been damaged before, and repaired.
    private func copy(_ bytes: Range<Int>, of source: any StorageFile, to name: String) throws(FileError) -> String {
        var (free, number) = (name, 1)
        while fileSystem.exists("\(directory)/\(free)") {
            let there = try fileSystem.open("\(directory)/\(free)", .read)
            // What a copy that was cut short left is a beginning of these bytes, or torn.
            if try there.size() == bytes.count, try isSame(there, bytes, source) {
                try there.synchronize()
                try fileSystem.synchronizeDirectory(directory)
                return free
            }
            number += 1
            free = "\(name).\(number)"
        }
        let copy = try fileSystem.open("\(directory)/\(free)", .create)
        var done = 0
        while done < bytes.count {
            let part = try source.read(upTo: min(1 << 20, bytes.count - done), at: bytes.lowerBound + done)
            if part.isEmpty { break }
            try copy.write(part, at: done)
            done += part.count
        }
        try copy.synchronize()
        try fileSystem.synchronizeDirectory(directory)
        return free
    }

    private func isSame(_ file: any StorageFile, _ bytes: Range<Int>, _ source: any StorageFile) throws(FileError)
        -> Bool
    {
        var done = 0
        while done < bytes.count {
            let count = min(1 << 20, bytes.count - done)
            guard try file.read(upTo: count, at: done) == source.read(upTo: count, at: bytes.lowerBound + done) else {
                return false
            }
            done += count
        }
        return true
    }

    private func list(_ line: String) throws(FileError) {
        let file = try fileSystem.open("\(directory)/\(Self.listName)", .create)
        let size = try file.size()
        let before = String(decoding: try file.read(upTo: size, at: 0), as: UTF8.self)
        if !before.contains(line) {
            // A line that was cut short ends here.
            let isTorn = !before.isEmpty && !before.hasSuffix("\n")
            try file.write(Array(((isTorn ? "\n" : "") + line).utf8), at: size)
        }
        try file.synchronize()
        try fileSystem.synchronizeDirectory(directory)
    }
}
