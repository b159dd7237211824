internal import Storage

/// The steps of an exchange on disk, in order. Each ends with a sync of the directory, so that no later one can be
/// durable without it: power may be lost at any point, and names come back that were removed after the last sync.
struct SwapFiles {
    let directory: String
    let fileSystem: any FileSystem
    let manifest: SwapManifest

    private var base: Offset { manifest.base }
    private var rewritten: String { path(SegmentFiles.rewrittenLog(base)) }

    private func path(_ name: String) -> String { "\(directory)/\(name)" }

    /// The rewritten segment, which is durable, gets its manifest. When this returns, the exchange will come to be.
    func announce() throws(FileError) {
        // The rewritten segment's name, before anything names it.
        try fileSystem.synchronizeDirectory(directory)
        let temporary = path(SwapManifest.temporaryName)
        try remove(SwapManifest.temporaryName)
        let file = try fileSystem.open(temporary, .create)
        try file.write(manifest.encoded(), at: 0)
        try file.synchronize()
        try fileSystem.rename(temporary, to: path(SwapManifest.name))
        try fileSystem.synchronizeDirectory(directory)
    }

    /// Takes back what was announced, as long as the rewritten segment is not in its place.
    func withdraw() throws(FileError) {
        try remove(SwapManifest.temporaryName)
        if fileSystem.exists(path(SwapManifest.name)) {
            try remove(SwapManifest.name)
            // Before the segment that it names goes.
            try fileSystem.synchronizeDirectory(directory)
        }
        try removeRewritten()
    }

    /// Only where nothing names it.
    func removeRewritten() throws(FileError) { try remove(SegmentFiles.rewrittenLog(base)) }

    /// The rewritten segment takes the place of the first that it replaces. The indexes go first: they are the old one's.
    func place() throws(FileError) {
        for base in manifest.replaced { try removeIndexes(of: base) }
        do { try fileSystem.rename(rewritten, to: path(SegmentFiles.log(base))) } catch {
            // A file system over a network may have done it all the same.
            if fileSystem.exists(rewritten) { throw error }
        }
    }

    /// Makes the new name durable, and with it those of the indexes.
    func settlePlace() throws(FileError) { try fileSystem.synchronizeDirectory(directory) }

    /// Takes away the others, after `settlePlace`.
    func removeReplaced() throws(FileError) {
        for base in manifest.replaced.dropFirst() {
            try removeIndexes(of: base)
            try remove(SegmentFiles.log(base))
        }
    }

    /// Makes all that durable, and only then forgets the manifest.
    func finish() throws(FileError) {
        try fileSystem.synchronizeDirectory(directory)
        try remove(SwapManifest.name)
        try fileSystem.synchronizeDirectory(directory)
    }

    func removeIndexes(of base: Offset) throws(FileError) {
        try remove(SegmentFiles.offsetIndex(base))
        try remove(SegmentFiles.timeIndex(base))
    }

    private func remove(_ name: String) throws(FileError) {
        if fileSystem.exists(path(name)) { try fileSystem.remove(path(name)) }
    }

    /// Whether a file holds the rewritten segment, byte for byte.
    func isRewritten(_ name: String) throws(FileError) -> Bool {
        guard fileSystem.exists(path(name)) else { return false }
        let file = try fileSystem.open(path(name), .read)
        guard try file.size() == manifest.segmentBytes else { return false }
        var (crc, position): (UInt32, Int) = (0, 0)
        while position < manifest.segmentBytes {
            let count = min(1 << 20, manifest.segmentBytes - position)
            let part = try file.read(upTo: count, at: position)
            guard part.count == count else { return false }
            crc = part.withUnsafeBytes { crc32c($0, seed: crc) }
            position += count
        }
        return crc == manifest.segmentCRC
    }
}
