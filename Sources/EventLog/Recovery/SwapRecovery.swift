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
    func run() throws(FileError) -> [String] {
        let names = try fileSystem.list(directory)
        let rewritten = SegmentFiles.rewrittenBaseOffsets(in: names)
        let hasManifest = names.contains(SwapManifest.name)
        guard hasManifest || !rewritten.isEmpty || names.contains(SwapManifest.temporaryName) else { return names }
        if hasManifest { try settleExchange() }
        // Without a manifest, or with another one's, nobody knows of them.
        try remove(SwapManifest.temporaryName)
        for base in rewritten { try remove(SegmentFiles.rewrittenLog(base)) }
        return try fileSystem.list(directory)
    }

    private func settleExchange() throws(FileError) {
        guard
            let manifest = SwapManifest(
                decoding: try fileSystem.contents(of: "\(directory)/\(SwapManifest.name)"))
        else { return try forgetManifest() }
        let files = SwapFiles(directory: directory, fileSystem: fileSystem, manifest: manifest)
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
