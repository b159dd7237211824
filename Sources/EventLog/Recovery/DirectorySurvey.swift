package import Storage

/// What a data directory says of itself while nobody has it open: which partitions there are, up to where each was
/// acknowledged, and what opening it would stumble over. Reads the catalogue, the checkpoints and the journal, no
/// segment, and changes nothing.
package struct DirectorySurvey: Sendable {
    /// Something wrong with what the directory says of itself.
    package struct Problem: Hashable, Sendable {
        package enum Subject: Hashable, Sendable {
            /// The log cannot be opened as it is.
            case catalogue, journal, partition
            /// The log reads the partition's segments instead.
            case checkpoint
        }

        package var subject: Subject
        package var file: String
        /// In bytes, from the start of the file.
        package var position = 0
        package var reason: String
    }

    /// A partition as its checkpoint and the journal have it.
    package struct Claim: Equatable, Sendable {
        package var logStart: Offset
        /// The checkpoint: the offset after the last record, and up to where it fills which segment.
        package var end: Offset
        package var segment: Offset
        package var position: Int
        /// Segments whose base offset is below this may have been exchanged: offsets may be missing in them.
        package var replayFrom: Offset
        /// By segment, the bytes that the journal still holds: opening the log writes them where they are missing.
        package var journaled: [Offset: [Range<Int>]] = [:]
    }

    /// An exchange of segments that was cut short.
    package struct Exchange: Equatable, Sendable {
        package var file: String
        /// The base offsets of the segments; the first is that of the rewritten one, too. Empty: the exchange had not
        /// begun, and opening the log takes it back.
        package var replaced: [Offset] = []
        /// The rewritten segment has the first one's name already: the others mean nothing.
        package var isPlaced = false
    }

    package private(set) var problems: [Problem] = []
    /// By the name of the partition's directory.
    package private(set) var exchanges: [String: Exchange] = [:]
    /// The names of the directories of topics that are compacted.
    package private(set) var compacted: Set<String> = []
    /// By the name of the partition's directory. Without one that is whole, a checkpoint claims nothing.
    package private(set) var claims: [String: Claim] = [:]
    /// The names of the directories that the catalogue knows; nil: the catalogue cannot be read.
    package private(set) var known: Set<String>?

    private let path: String
    private let fileSystem: any FileSystem
    private var directories: [TopicID: [String]] = [:]
    private var latestSequence: UInt64 = 0

    package init(of path: String, _ fileSystem: any FileSystem) throws(LogError) {
        self.path = path
        self.fileSystem = fileSystem
        let catalogue = readCatalogue()
        if let catalogue { known = Set(catalogue.topics.flatMap(names)) }
        try storage { () throws(FileError) in
            for topic in catalogue?.topics ?? [] where !topic.isBeingDeleted {
                directories[topic.id] = names(topic)
                if topic.settings.isCompacted { compacted.formUnion(names(topic)) }
                for name in names(topic) {
                    try readCheckpoint(name)
                    try readExchange(name)
                }
            }
            if let catalogue { try readJournal(of: catalogue.directory) }
        }
    }

    private func names(_ topic: TopicCatalogue.Entry) -> [String] {
        (0..<topic.partitionCount).map { TopicName.directory(topic.name, $0) }
    }

    private mutating func add(_ subject: Problem.Subject, _ name: String, at position: Int = 0, _ reason: String) {
        problems.append(Problem(subject: subject, file: "\(path)/\(name)", position: position, reason: reason))
    }

    private mutating func readCatalogue() -> TopicCatalogue? {
        do throws(LogError) {
            if let catalogue = try CatalogueFile(in: path, fileSystem).read() { return catalogue }
            add(.catalogue, CatalogueFile.name, "it is missing: restore it from a copy of the directory")
        } catch {
            if case .damaged(_, let position, let reason) = error {
                add(.catalogue, CatalogueFile.name, at: position, reason)
            } else {
                add(.catalogue, CatalogueFile.name, error.description)
            }
        }
        return nil
    }

    private mutating func readCheckpoint(_ name: String) throws(FileError) {
        guard fileSystem.exists("\(path)/\(name)") else {
            return add(.partition, name, "the partition's directory is missing: restore it from a copy")
        }
        let file = "\(name)/\(CheckpointFile.name)"
        var slots = CheckpointFile(path: "\(path)/\(file)", fileSystem)
        guard let checkpoint = try slots.read() else {
            let reason = fileSystem.exists("\(path)/\(file)") ? "neither of its slots is whole" : "it is missing"
            return add(.checkpoint, file, "\(reason): opening the log reads the partition's segments from the start")
        }
        if slots.hasDamagedSlot {
            add(.checkpoint, file, "one of its two slots is not whole: the other one counts")
        }
        latestSequence = max(latestSequence, checkpoint.journalSequence)
        claims[name] = Claim(
            logStart: checkpoint.logStart, end: checkpoint.end.offset, segment: checkpoint.end.segment,
            position: checkpoint.end.position, replayFrom: checkpoint.compaction.replayFrom)
    }

    private mutating func readExchange(_ name: String) throws(FileError) {
        guard fileSystem.exists("\(path)/\(name)") else { return }
        let names = try fileSystem.list("\(path)/\(name)")
        if names.contains(SwapManifest.name) {
            let file = "\(path)/\(name)/\(SwapManifest.name)"
            exchanges[name] = Exchange(file: file)
            guard let manifest = SwapManifest(decoding: try fileSystem.contents(of: file)) else { return }
            let files = SwapFiles(directory: "\(path)/\(name)", fileSystem: fileSystem, manifest: manifest)
            exchanges[name] = Exchange(
                file: file, replaced: manifest.replaced,
                isPlaced: try files.isRewritten(SegmentFiles.log(manifest.base)))
        } else if let base = SegmentFiles.rewrittenBaseOffsets(in: names).first {
            exchanges[name] = Exchange(file: "\(path)/\(name)/\(SegmentFiles.rewrittenLog(base))")
        }
    }

    private mutating func readJournal(of directory: TopicID) throws(FileError) {
        let name = "journal"
        guard fileSystem.exists("\(path)/\(name)") else { return add(.journal, name, "it is missing") }
        let file = try fileSystem.open("\(path)/\(name)", .read)
        guard let header = try JournalHeader.newest(in: file) else {
            return add(.journal, name, "its header is damaged")
        }
        guard header.directory == directory else { return add(.journal, name, "it belongs to another directory") }
        let reader = RingReader(
            file, nonce: header.nonce, capacity: try file.size() / StorageAlignment.block * StorageAlignment.block)
        var (sequence, position) = (header.tailSequence, header.tailPosition)
        while let found = try reader.round(sequence, near: position) {
            found.round.forEachEntry { entry, _ in note(entry) }
            position = found.position + found.round.byteCount
            sequence += 1
        }
        if try reader.laterRound(than: sequence, from: position) != nil {
            add(.journal, name, at: position, "round \(sequence) is damaged and later ones follow it")
        } else if latestSequence > sequence {
            add(
                .journal, name,
                "it ends at round \(sequence) where the partitions know of \(latestSequence): it is an old copy")
        }
    }

    private mutating func note(_ entry: RoundEntry) {
        guard let names = directories[entry.topic], names.indices.contains(entry.partition) else { return }
        let bytes = entry.position..<entry.position + entry.byteCount
        var ranges = claims[names[entry.partition]]?.journaled[entry.segment] ?? []
        if let last = ranges.last, last.upperBound == bytes.lowerBound {
            ranges[ranges.count - 1] = last.lowerBound..<bytes.upperBound
        } else {
            ranges.append(bytes)
        }
        claims[names[entry.partition]]?.journaled[entry.segment] = ranges
    }
}
