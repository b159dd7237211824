internal import Logging
internal import Storage

/// Brings an exchange of segments that was cut short to its end, or takes it back. Nothing of the partition was read yet.
struct SwapRecovery {
    private let directory: String
    private let fileSystem: any FileSystem
    private let logger: Logger

    init(of directory: String, _ fileSystem: any FileSystem, logger: Logger) {
        self.directory = directory
        self.fileSystem = fileSystem
        self.logger = logger
    }

    /// Returns the names that the directory has then.
    func run() throws(LogError) -> [String] {
        let names = try storage { () throws(FileError) in try fileSystem.list(directory) }
        let rewritten = SegmentFiles.rewrittenBaseOffsets(in: names)
        let hasManifest = names.contains(SwapManifest.name)
        guard hasManifest || !rewritten.isEmpty || names.contains(SwapManifest.temporaryName) else { return names }
        if hasManifest { try settleManifest(names, rewritten) }
        return try storage { () throws(FileError) in
            // Without a manifest, or with another one's, nobody knows of them.
            try remove(SwapManifest.temporaryName)
            for base in rewritten { try remove(SegmentFiles.rewrittenLog(base)) }
            return try fileSystem.list(directory)
        }
    }

    private func settleManifest(_ names: [String], _ rewritten: [Offset]) throws(LogError) {
        let path = "\(directory)/\(SwapManifest.name)"
        let bytes = try storage { () throws(FileError) in try fileSystem.contents(of: path) }
        if let manifest = SwapManifest(decoding: bytes) {
            return try storage { () throws(FileError) in try settleExchange(manifest) }
        }
        // It was synced before it got its name: this is damage. As long as the rewritten segment has not its own name, all
        // that it replaces is as it was.
        if rewritten.isEmpty { try checkNoneIsReplaced(SegmentFiles.baseOffsets(in: names), path) }
        logger.error(
            "the manifest of an exchange of segments is damaged: the exchange is taken back",
            metadata: ["file": "\(path)"])
        try storage { () throws(FileError) in try forgetManifest() }
    }

    /// Throws where a segment holds what the next one holds, too: then it was put in the place of both.
    private func checkNoneIsReplaced(_ bases: [Offset], _ manifest: String) throws(LogError) {
        for (base, next) in zip(bases, bases.dropFirst()) {
            let (file, size) = try storage { () throws(FileError) in
                let file = try fileSystem.open("\(directory)/\(SegmentFiles.log(base))", .read)
                return (file, try file.size())
            }
            var walk = BatchWalk(file, from: 0, to: size, base: base)
            while try walk.next() != nil {}
            guard walk.nextOffset <= next else {
                throw .damaged(
                    file: manifest, position: 0,
                    reason:
                        "it is to say which segments were exchanged, and is not whole: \(SegmentFiles.log(base)) holds "
                        + "the records of \(SegmentFiles.log(next)), too: move that one away, or restore a copy")
            }
        }
    }

    private func settleExchange(_ manifest: SwapManifest) throws(FileError) {
        let files = SwapFiles(directory: directory, fileSystem: fileSystem, manifest: manifest)
        #if PLANTED_BUGS
        if PlantedBug.exchangeNotFinished.isPlanted { return try forgetManifest() }
        #endif
        // Whoever wrote the manifest may have been killed before its name was durable, and what follows builds on it.
        try fileSystem.synchronizeDirectory(directory)
        // Whichever they are of: readers make them anew.
        for base in manifest.replaced { try files.removeIndexes(of: base) }
        if try files.isRewritten(SegmentFiles.rewrittenLog(manifest.base)) {
            try files.place()
        } else if try !files.isRewritten(SegmentFiles.log(manifest.base)) {
            // The rewritten segment never came to its place for good: the old ones are all there.
            return try forgetManifest()
        }
        try files.settlePlace()
        try files.removeReplaced()
        try files.finish()
        logger.info(
            "finished an exchange of segments that was cut short",
            metadata: ["directory": "\(directory)", "segment": "\(manifest.base)"])
    }

    /// For good, before a segment changes that it names.
    private func forgetManifest() throws(FileError) {
        try remove(SwapManifest.name)
        try fileSystem.synchronizeDirectory(directory)
    }

    private func remove(_ name: String) throws(FileError) {
        let path = "\(directory)/\(name)"
        if fileSystem.exists(path) { try fileSystem.remove(path) }
    }
}
