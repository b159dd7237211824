import Storage

/// Entries of a segment's `.index`: 8 bytes each, big-endian; the last offset of a batch from the segment's base
/// offset on, and where in the `.log` file the batch begins.
struct OffsetIndexFile {
    struct Entry: Hashable {
        var relativeOffset: UInt32
        var position: UInt32
    }

    static let entrySize = 8
    private let file: MappedFile

    init(_ file: MappedFile) { self.file = file }

    /// Kafka allocates an index in advance: zeros at its end are no entries.
    var entries: [Entry] {
        get throws(FileError) {
            let bytes = file.bytes
            let all = stride(from: 0, to: bytes.count - bytes.count % Self.entrySize, by: Self.entrySize).map { at in
                Entry(
                    relativeOffset: bytes.bigEndian(UInt32.self, at: at),
                    position: bytes.bigEndian(UInt32.self, at: at + 4)
                )
            }
            try file.check()
            return Array(all.prefix((all.lastIndex { $0 != Entry(relativeOffset: 0, position: 0) } ?? -1) + 1))
        }
    }
}

/// Entries of a segment's `.timeindex`: 12 bytes each, big-endian; the largest timestamp so far, and the last offset of
/// the batch that brought it, from the segment's base offset on.
struct TimeIndexFile {
    struct Entry: Hashable {
        var timestamp: Int64
        var relativeOffset: UInt32
    }

    static let entrySize = 12
    private let file: MappedFile

    init(_ file: MappedFile) { self.file = file }

    var entries: [Entry] {
        get throws(FileError) {
            let bytes = file.bytes
            let all = stride(from: 0, to: bytes.count - bytes.count % Self.entrySize, by: Self.entrySize).map { at in
                Entry(
                    timestamp: bytes.bigEndian(Int64.self, at: at),
                    relativeOffset: bytes.bigEndian(UInt32.self, at: at + 8)
                )
            }
            try file.check()
            return Array(all.prefix((all.lastIndex { $0 != Entry(timestamp: 0, relativeOffset: 0) } ?? -1) + 1))
        }
    }
}
