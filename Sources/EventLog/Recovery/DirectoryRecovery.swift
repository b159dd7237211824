internal import Logging
internal import Storage

/// A data directory that was opened: locked, its catalogue read, its partitions brought back from their checkpoints
/// and the journal. Of a segment that the journal has no bytes for, little is read: what its index files have no entries for.
struct DirectoryRecovery {
    let lock: any FileLock
    let catalogue: TopicCatalogue
    let journal: RingJournal
    let pressure: JournalPressure
    let topics: [(TopicCatalogue.Entry, [RecoveredPartition])]
    /// True: the journal cannot be trusted and the caller accepts to go on without it.
    let losesJournal: Bool
    /// Some partition has records that the journal does not hold, nor its checkpoint name.
    var hasFoundRecords: Bool { topics.contains { $0.1.contains(where: \.hasFoundRecords) } }
    /// The latest round that a checkpoint names.
    let knownSequence: UInt64

    /// The latest epoch that gave a producer its id, as far as partitions remember: see `EventLog.makeProducerID`.
    var knownEpoch: UInt32 {
        let producers = topics.lazy.flatMap(\.1).flatMap(\.producers.producers.keys)
        return producers.reduce(0) { max($0, UInt32(truncatingIfNeeded: $1 >> 32) & 0x7FFF_FFFF) }
    }

    static func open(at path: String, _ options: EventLogOptions) throws(LogError) -> DirectoryRecovery {
        try DirectoryOpening(at: path, options).open()
    }
}

/// What the journal calls when it wants room. It exists before the checkpointer that makes room.
final class JournalPressure: @unchecked Sendable {
    // Unchecked: set once, before the first round is written.
    private weak var checkpointer: Checkpointer?
    func connect(_ checkpointer: Checkpointer) { self.checkpointer = checkpointer }
    func rise() { checkpointer?.ask() }
}

/// The steps of opening a directory, in order.
private struct DirectoryOpening {
    let path: String
    let options: EventLogOptions
    let pressure = JournalPressure()

    init(at path: String, _ options: EventLogOptions) {
        self.path = path
        self.options = options
    }

    private var fileSystem: any FileSystem { options.environment.fileSystem }
    private var footprint: Footprint { options.environment.footprint }
    private var journalPath: String { "\(path)/journal" }

    func open() throws(LogError) -> DirectoryRecovery {
        let lock = try takeLock()
        var catalogue = try readOrCreateCatalogue()
        try finishDeletions(&catalogue)
        catalogue.compactOffsetsTopic()
        let header = try readJournalHeader(catalogue)
        let journal = try storage { () throws(FileError) in
            let pressure = pressure
            return try RingJournal(
                at: journalPath, fileSystem, header: header.header,
                bytesMax: max(options.journalBytesMax, footprint.journalGrowthMin),
                onPressure: { pressure.rise() })
        }
        let partitions = try loadPartitions(catalogue)
        let isWhole = try replay(journal, into: partitions)
        let known = partitions.values.joined().map(\.journalSequence).max() ?? 0
        let isCurrent = try checkAge(of: journal, known)
        let losesJournal = header.isForeign || !isWhole || !isCurrent
        let wasClosed = header.header.isClosed && !losesJournal
        let topics = try finish(catalogue, partitions, losesJournal: losesJournal, wasCut: !wasClosed)
        try advanceLeaderEpoch(
            &catalogue, topics.lazy.flatMap(\.1).compactMap(\.epochs.latest).max() ?? 0, wasClosed: wasClosed)
        return DirectoryRecovery(
            lock: lock, catalogue: catalogue, journal: journal, pressure: pressure, topics: topics,
            losesJournal: losesJournal, knownSequence: known)
    }

    private func takeLock() throws(LogError) -> any FileLock {
        do {
            try createDirectory(path)
            return try fileSystem.lock("\(path)/lock")
        } catch {
            throw error.isLocked ? .locked(directory: path) : LogError(error)
        }
    }

    /// With those above it that are missing, each durable in the one above.
    private func createDirectory(_ path: String) throws(FileError) {
        if fileSystem.exists(path) { return }
        let parent = Self.parent(of: path)
        try createDirectory(parent)
        try fileSystem.createDirectory(path)
        try fileSystem.synchronizeDirectory(parent)
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    // MARK: Catalogue

    private func readOrCreateCatalogue() throws(LogError) -> TopicCatalogue {
        let file = CatalogueFile(in: path, fileSystem)
        if let catalogue = try file.read() {
            // Who wrote it may have been killed before its name was durable, and what follows builds on it.
            try storage { () throws(FileError) in try fileSystem.synchronizeDirectory(path) }
            if catalogue.isOfOldVersion { try file.write(catalogue) }
            return catalogue
        }
        try checkIsNew()
        try synchronizeParent()
        var random = EnvironmentRandom(options.environment)
        let catalogue = TopicCatalogue(directory: TopicID.random(using: &random))
        // The journal first: a directory with a catalogue always has one.
        try createJournal(catalogue.directory, isNew: true)
        try file.write(catalogue)
        return catalogue
    }

    /// The directory's own name: whoever made it may have been killed before it was durable. Where it lies in one that
    /// we may not read, someone else made it.
    private func synchronizeParent() throws(LogError) {
        do { try fileSystem.synchronizeDirectory(Self.parent(of: path)) } catch {
            guard error.isDenied else { throw LogError(error) }
        }
    }

    /// Without a catalogue there must be no partitions: their names alone do not say what they belong to.
    private func checkIsNew() throws(LogError) {
        let names = try storage { () throws(FileError) in try fileSystem.list(path) }
        for name in names where fileSystem.exists("\(path)/\(name)/\(CheckpointFile.name)") {
            throw .damaged(
                file: "\(path)/\(CatalogueFile.name)", position: 0,
                reason: "it is missing, but \(name) holds a partition: restore it from a copy of the directory")
        }
    }

    private func createJournal(_ directory: TopicID, isNew: Bool) throws(LogError) {
        try storage { () throws(FileError) in
            if fileSystem.exists(journalPath) { try fileSystem.remove(journalPath) }
            try RingJournal.create(
                at: journalPath, fileSystem, directory: directory, nonce: options.environment.random(),
                bytes: StorageAlignment.roundUp(max(options.journalBytesInitial, footprint.journalBytesMin)),
                isClosed: isNew)
            try fileSystem.synchronizeDirectory(path)
        }
    }

    private func finishDeletions(_ catalogue: inout TopicCatalogue) throws(LogError) {
        let doomed = catalogue.topics.filter(\.isBeingDeleted)
        guard !doomed.isEmpty else { return }
        try storage { () throws(FileError) in
            for topic in doomed { try topic.removeDirectories(in: path, fileSystem) }
        }
        catalogue.topics.removeAll(where: \.isBeingDeleted)
        try CatalogueFile(in: path, fileSystem).write(catalogue)
    }

    // MARK: Journal

    private func readJournalHeader(_ catalogue: TopicCatalogue) throws(LogError) -> (
        header: JournalHeader, isForeign: Bool
    ) {
        var problem = "it is missing"
        if fileSystem.exists(journalPath) {
            let header = try storage { () throws(FileError) in
                try JournalHeader.newest(in: try fileSystem.open(journalPath, .read))
            }
            if let header, header.directory == catalogue.directory { return (header, false) }
            problem = header == nil ? "its header is damaged" : "it belongs to another directory"
        }
        try acceptLoss(problem, at: 0)
        try createJournal(catalogue.directory, isNew: false)
        let header = try storage { () throws(FileError) in
            try JournalHeader.newest(in: try fileSystem.open(journalPath, .read))
        }
        guard let header else { throw .storage("\(journalPath) cannot be read back: check the disk") }
        return (header, true)
    }

    private func acceptLoss(_ problem: String, at position: Int) throws(LogError) {
        guard options.acceptsJournalLoss else {
            throw .damaged(
                file: journalPath, position: position,
                reason: "\(problem), and acknowledged records may be in it alone: put the right one back, "
                    + "or accept its loss (martlet serve --accept-journal-loss) to go on with what the segments hold")
        }
        options.logger.error(
            "the journal is given up", metadata: ["journal": "\(journalPath)", "reason": "\(problem)"])
    }

    private typealias Recoveries = [TopicID: [PartitionRecovery]]

    private func loadPartitions(_ catalogue: TopicCatalogue) throws(LogError) -> Recoveries {
        var recoveries: Recoveries = [:]
        for topic in catalogue.topics {
            for index in 0..<topic.partitionCount {
                recoveries[topic.id, default: []].append(
                    try PartitionRecovery(
                        topic, index, in: path, options.environment, logger: options.logger,
                        acceptsCheckpointLoss: options.acceptsCheckpointLoss))
            }
        }
        return recoveries
    }

    /// False: later rounds follow a damaged one.
    private func replay(_ journal: RingJournal, into recoveries: Recoveries) throws(LogError) -> Bool {
        var progress = ReplayProgress(options.logger)
        let end = try journal.replay { round throws(LogError) in
            try round.forEachEntry { entry, parts throws(LogError) in
                // Entries of a topic that was deleted since have nowhere to go.
                guard let partitions = recoveries[entry.topic], partitions.indices.contains(entry.partition) else {
                    return
                }
                try partitions[entry.partition].apply(entry, parts)
            }
            progress.add(round.byteCount)
        } orFileError: {
            LogError($0)
        }
        progress.finish()
        if case .broken(let position, let sequence) = end {
            options.logger.warning(
                "the journal's last round is not whole: it was never acknowledged, or has been damaged since",
                metadata: ["journal": "\(journalPath)", "position": "\(position)", "round": "\(sequence)"])
        }
        guard case .damaged(let position, let sequence) = end else { return true }
        try acceptLoss("round \(sequence) is damaged and later ones follow it", at: position)
        return false
    }

    /// False: checkpoints name rounds that this journal has not come to.
    private func checkAge(of journal: RingJournal, _ known: UInt64) throws(LogError) -> Bool {
        guard known > journal.nextSequence else { return true }
        try acceptLoss(
            "it ends at round \(journal.nextSequence) where the partitions know of \(known): it is an old copy", at: 0)
        return false
    }

    /// After anything but a close, records that readers have seen may be gone and their offsets be given again: a new
    /// epoch tells the one from the other. It is durable before a batch bears it or a client hears of it, and past every
    /// one that is found: a catalogue that was put back from a copy may be older than the batches.
    private func advanceLeaderEpoch(
        _ catalogue: inout TopicCatalogue, _ latest: Int32, wasClosed: Bool
    ) throws(LogError) {
        let known = max(catalogue.leaderEpoch, latest)
        if wasClosed && known == catalogue.leaderEpoch { return }
        catalogue.leaderEpoch = known == .max ? known : known + 1
        try CatalogueFile(in: path, fileSystem).write(catalogue)
    }

    private func finish(
        _ catalogue: TopicCatalogue, _ recoveries: Recoveries, losesJournal: Bool, wasCut: Bool
    ) throws(LogError) -> [(TopicCatalogue.Entry, [RecoveredPartition])] {
        var topics: [(TopicCatalogue.Entry, [RecoveredPartition])] = []
        for topic in catalogue.topics {
            var partitions: [RecoveredPartition] = []
            for recovery in recoveries[topic.id] ?? [] {
                partitions.append(try recovery.finish(losesJournal: losesJournal, wasCut: wasCut))
            }
            topics.append((topic, partitions))
        }
        return topics
    }
}

/// Tells of a replay that takes long.
private struct ReplayProgress {
    private let logger: Logger
    private let start = ContinuousClock.now
    private var lastReport = ContinuousClock.now
    private var bytes = 0
    private var rounds = 0

    init(_ logger: Logger) { self.logger = logger }

    mutating func add(_ byteCount: Int) {
        bytes += byteCount
        rounds += 1
        guard ContinuousClock.now - lastReport > .seconds(1) else { return }
        lastReport = .now
        logger.info("replaying the journal", metadata: ["bytes": "\(bytes)"])
    }

    func finish() {
        guard rounds > 0 else { return }
        let milliseconds = (ContinuousClock.now - start) / .milliseconds(1)
        logger.info(
            "replayed the journal",
            metadata: ["rounds": "\(rounds)", "bytes": "\(bytes)", "milliseconds": "\(Int(milliseconds))"])
    }
}
