internal import Logging
internal import Storage
internal import Synchronization

/// An append-only event log in a directory: topics of partitions, durable appends, replay from any offset or time.
///
///     let log = try EventLog.open(at: "data")
///     let topic = try log.createTopic("readings", partitions: 4)
///     try topic.append(Record(key: "device-1", value: "21.5"))
///     for record in try topic.partitions[0].read(from: .earliest) { print(record) }
///     try log.close()
///
/// When an append returns, its records are on stable storage (unless the topic's `flush.messages` relaxes that), and
/// survive a kill or a power cut. Readers never see a record that is not. One process at a time has a directory open.
public final class EventLog: Sendable {
    /// The data directory.
    public let path: String
    private let services: PartitionServices
    let options: EventLogOptions
    package let rounds: CommitRounds
    private let journal: RingJournal
    let checkpointer: Checkpointer
    let compactor: Compactor
    let catalogueFile: CatalogueFile
    let topicTable: TopicTable
    let kept: KeptLog
    let retainer: Retainer
    let housekeeping: Housekeeping
    /// Serializes what changes topics, across the writes to disk.
    private let changes: Monitor<Changes>
    /// What consumer groups have committed, once someone has asked.
    private let offsets: LoadedOffsets
    /// `TopicCatalogue.historyStart`, for who must not wait for changes; Int64.min: none.
    let historyStart: Atomic<Int64>
    private let producerCount = Atomic<Int64>(0)
    /// nil: given back.
    private let lock: Mutex<(any FileLock)?>

    private struct Changes {
        var catalogue: TopicCatalogue
        var isClosed = false
    }

    /// What every partition's batches bear for as long as the directory is open.
    package var leaderEpoch: Int32 { services.leaderEpoch }

    var committer: Committer { services.committer }
    var fileSystem: any FileSystem { options.environment.fileSystem }
    var logger: Logger { options.logger }

    /// Opens the log in `path`, which is created where it is missing.
    ///
    /// After a kill or a power cut this replays the journal: at most `journalBytesMax` bytes, whatever the log's size.
    /// Throws `locked` where another process has the directory, `damaged` where its files cannot be trusted.
    public static func open(at path: String, options: EventLogOptions = EventLogOptions()) throws(LogError) -> EventLog
    {
        let directory = try DirectoryRecovery.open(at: path, options)
        let log = EventLog(directory, path: path, options)
        try log.start(directory)
        return log
    }

    private init(_ directory: DirectoryRecovery, path: String, _ options: EventLogOptions) {
        self.path = path
        self.options = options
        lock = Mutex(directory.lock)
        journal = directory.journal
        rounds = CommitRounds()
        let keptState = KeptState(options.settings)
        let reserve = SpaceReserve(path, options.environment.fileSystem, keptState, logger: options.logger)
        let committer = Committer(
            journal: directory.journal, rounds: rounds, logger: options.logger, reserve: reserve,
            options.environment.footprint)
        catalogueFile = CatalogueFile(in: path, options.environment.fileSystem)
        changes = Monitor(Changes(catalogue: directory.catalogue))
        historyStart = Atomic(directory.catalogue.historyStart?.milliseconds ?? .min)
        directoryID = directory.catalogue.directory.description
        let loadedOffsets = LoadedOffsets()
        offsets = loadedOffsets
        let table = TopicTable()
        topicTable = table
        checkpointer = Checkpointer(
            directory: path, options.environment.fileSystem, journal: directory.journal, logger: options.logger,
            partitions: { table.partitions }, publishedSequence: { committer.publishedSequence },
            onIdle: { committer.releaseIdleMemory() }, onSecond: { reserve.look() },
            afterCheckpoint: { loadedOffsets.current?.writeSnapshots(always: false) })
        services = PartitionServices(
            committer: committer, environment: options.environment, leaderEpoch: directory.catalogue.leaderEpoch,
            checkpointer: checkpointer)
        let kept = KeptLog(
            topicTable: table, committer: committer, checkpointer: checkpointer, environment: options.environment,
            logger: options.logger, state: keptState)
        let retainer = Retainer(kept)
        self.kept = kept
        self.retainer = retainer
        let compactor = Compactor(options.environment, logger: options.logger)
        self.compactor = compactor
        housekeeping = Housekeeping(Self.tasks(kept, retainer, compactor))
        directory.pressure.connect(checkpointer)
    }

    private func start(_ directory: DirectoryRecovery) throws(LogError) {
        for (entry, recovered) in directory.topics {
            topicTable.add(
                Topic(
                    entry, partitions: recovered.map { Partition($0, services) },
                    log: self))
        }
        try storage { () throws(FileError) in
            if directory.losesJournal || directory.hasFoundRecords {
                // What was replayed, or found in the segments, must not depend on rounds that are given up, or never were.
                try checkpointer.synchronizeAll()
                try checkpointer.checkpoint()
            }
            if directory.losesJournal {
                try journal.discard(past: directory.knownSequence, epoch: directory.knownEpoch)
            }
            try journal.begin()
        }
        committer.reserve?.look()
        guard options.environment.footprint.runsThreads else { return checkpointer.standAside() }
        committer.start()
        checkpointer.start()
        if options.runsHousekeeping { startHousekeeping() }
    }

    /// Makes everything durable in the segments, writes a checkpoint and gives the directory free. Appends that come
    /// later throw `closed`. A log that is only dropped loses nothing either, but takes longer to open.
    public func close() throws(LogError) {
        let isFirst = changes.withLock { changes in
            defer { changes.isClosed = true }
            return !changes.isClosed
        }
        guard isFirst else { return }
        kept.state.isClosing.store(true, ordering: .releasing)
        housekeeping.stop()
        defer { lock.withLock { $0 = nil } }
        committer.flush()
        let isSound = topicTable.partitions.allSatisfy { $0.failure == nil }
        for partition in topicTable.partitions { partition.fail(.closed) }
        committer.stop()
        checkpointer.stop()
        checkpointer.awaitRemovals()
        try storage { () throws(FileError) in
            try checkpointer.checkpointAtClose()
            try checkpointer.settleCheckpoints()
        }
        offsets.current?.writeSnapshots(always: true)
        // Where a partition has failed, opening finds out what of it there is: that is no close in order. The last rounds
        // may have brought a sync that failed.
        if isSound, !topicTable.partitions.contains(where: \.hasFailedSync) {
            try storage { () throws(FileError) in try journal.markClosed() }
        }
    }

    /// Makes everything that is committed durable in the segments now, so that the journal has nothing to replay. The
    /// log does so by itself every 15 seconds and where the journal wants room.
    package func checkpoint() throws(LogError) {
        try storage { () throws(FileError) in try checkpointer.checkpoint() }
    }

    /// Runs `body` while no checkpoint is made: for a copy of the directory that is of one moment, where nothing is
    /// appended meanwhile.
    package func withoutCheckpoints<R>(_ body: () throws -> R) throws -> R {
        var result: Result<R, any Error>?
        checkpointer.exclusivelyRemoving { result = Result { try body() } }
        guard let result else { preconditionFailure("the body was not run") }
        return try result.get()
    }

    deinit {
        kept.state.isClosing.store(true, ordering: .releasing)
        housekeeping.stop()
        // Whoever still holds a partition must not write without the directory's lock.
        for partition in topicTable.partitions { partition.fail(.closed) }
        committer.stop()
        checkpointer.stop()
        // Whoever deletes records now has looked before.
        checkpointer.exclusively {}
        checkpointer.awaitRemovals()
    }

    // MARK: Topics

    /// All topics, by name.
    public var topics: [Topic] { topicTable.all }

    /// nil: there is none of that name.
    public func topic(_ name: String) -> Topic? { topicTable.topic(name) }

    package func topic(id: TopicID) -> Topic? { topicTable.topic(id) }

    /// The id of the data directory, as a UUID's text: what a Kafka client knows as the cluster's id.
    package let directoryID: String

    /// The largest number of partitions that a topic may have.
    public static let partitionsMax = 10_000

    /// Creates a topic. Durable when it returns.
    ///
    /// What `settings` does not set it has from `topicDefaults`.
    ///
    /// Throws `topicExists`, `invalidTopicName` (Kafka's rules: up to 249 of letters, digits, '.', '_', '-'),
    /// `invalidPartitionCount` unless 1 to 10,000, `invalidSetting` for settings that contradict each other.
    @discardableResult
    public func createTopic(
        _ name: String, partitions count: Int = 1, settings: TopicSettings = TopicSettings()
    ) throws(LogError) -> Topic {
        try createTopic(name, partitions: count, settings: settings, starts: [])
    }

    /// The same for one that is filled from elsewhere, with the offsets that records have there.
    /// - Parameter starts: by partition, where its log begins and ends as yet; 0 where there is none.
    @discardableResult
    package func createTopic(
        _ name: String, partitions count: Int, settings: TopicSettings, starts: [Offset]
    ) throws(LogError) -> Topic {
        if let wrong = starts.first(where: { $0 < 0 }) { throw .offsetOutOfRange(requested: wrong, start: 0, end: 0) }
        let offsets = try storedOffsets(besides: name)
        return try change { catalogue throws(LogError) in
            try finishDeletion(of: name, &catalogue)
            try checkNewTopic(name, partitions: count, catalogue)
            let settings = try catalogue.checked(settings, of: name)
            // Of a topic of that name that is gone nothing is inherited.
            try offsets?.removeOffsets(ofTopic: name)
            var random = EnvironmentRandom(options.environment)
            let entry = TopicCatalogue.Entry(
                name: name, id: TopicID.random(using: &random), partitionCount: count, settings: settings)
            let partitions = try makePartitions(entry, 0..<count, starts: starts)
            catalogue.topics.append(entry)
            try catalogueFile.write(catalogue)
            let topic = Topic(entry, partitions: partitions, log: self)
            topicTable.add(topic)
            return topic
        }
    }

    /// Whether a topic could be created so; throws why not.
    package func checkNewTopic(_ name: String, partitions count: Int) throws(LogError) {
        try change { catalogue throws(LogError) in try checkNewTopic(name, partitions: count, catalogue) }
    }

    private func checkNewTopic(_ name: String, partitions count: Int, _ catalogue: TopicCatalogue) throws(LogError) {
        if let problem = TopicName.problem(with: name) { throw .invalidTopicName(name, reason: problem) }
        if catalogue.topics.contains(where: { $0.name == name }) { throw .topicExists(name) }
        if let other = catalogue.topics.first(where: { TopicName.collides($0.name, name) }) {
            throw .invalidTopicName(
                name, reason: "it differs from topic '\(other.name)' only in '.' and '_': take another")
        }
        guard count >= 1, count <= Self.partitionsMax else {
            throw .invalidPartitionCount(count, reason: "a topic has 1 to \(Self.partitionsMax)")
        }
    }

    /// Deletes a topic with all its records, and what consumer groups have committed to it. Readers at work may finish. Durable when it returns. Where it throws
    /// because of storage the topic is gone all the same, and its files as soon as someone deletes or creates a topic
    /// of that name, or opens the directory. On a full disk its records may be gone and the topic there, where it throws.
    public func deleteTopic(_ name: String) throws(LogError) {
        guard name != ConsumerOffsets.topicName else {
            throw .invalidTopicName(name, reason: "it keeps what consumer groups have committed: delete the groups")
        }
        let offsets = try storedOffsets(besides: name)
        try change { catalogue throws(LogError) in
            guard let at = catalogue.topics.firstIndex(where: { $0.name == name }) else { throw .unknownTopic(name) }
            if catalogue.topics[at].isBeingDeleted { return }
            catalogue.topics[at].isBeingDeleted = true
            let topic = topicTable.topic(name)
            do throws(LogError) { try catalogueFile.write(catalogue) } catch {
                guard case .diskFull = error, let topic else { throw error }
                makeRoom(by: topic)
                try catalogueFile.write(catalogue)
            }
            if let topic { end(topic) }
        }
        try change { catalogue throws(LogError) in
            removeOffsets(ofTopic: name, offsets)
            try finishDeletion(of: name, &catalogue)
        }
    }

    /// A disk without room for another catalogue has some when the records are gone that are to go anyway.
    private func makeRoom(by topic: Topic) {
        let deletions = topic.partitions.map { partition in
            // Where not even an empty segment can be made, what has ended goes.
            _ = try? partition.roll()
            let start = partition.segments.last { $0.baseOffset <= partition.end }?.baseOffset
            return Deletion(partition: partition, start: start ?? partition.logStart)
        }
        var removed: [RemovedSegments] = []
        do throws(FileError) {
            try checkpointer.exclusively { () throws(FileError) in
                removed = try checkpointer.advanceInTurn(deletions)
            }
        } catch {
            logger.warning(
                "a topic's records cannot be deleted before the topic is",
                metadata: ["topic": "\(topic.name)", "error": "\(error)"])
        }
        for removed in removed { checkpointer.removeFiles(removed) }
    }

    /// Nobody finds the topic any more, and who has it lets go of what it takes: a reader may hold a partition for long.
    private func end(_ topic: Topic) {
        for partition in topic.partitions { partition.fail(.unknownTopic(topic.name)) }
        topicTable.remove(topic)
        committer.flush()
        checkpointer.exclusively { for partition in topic.partitions { partition.discard() } }
    }

    /// Takes away the files of a topic that is being deleted; nothing where there is none of that name.
    private func finishDeletion(of name: String, _ catalogue: inout TopicCatalogue) throws(LogError) {
        guard let at = catalogue.topics.firstIndex(where: { $0.name == name && $0.isBeingDeleted }) else { return }
        committer.flush()
        let entry = catalogue.topics[at]
        try checkpointer.exclusivelyRemoving { () throws(LogError) in
            try storage { () throws(FileError) in try entry.removeDirectories(in: path, fileSystem) }
        }
        catalogue.topics.remove(at: at)
        try catalogueFile.write(catalogue)
    }

    /// A disk that takes no record has room again when the topic's files are gone: they must not wait for this. Who creates
    /// a topic of that name, or opens the directory, tries again.
    private func removeOffsets(ofTopic name: String, _ offsets: ConsumerOffsets?) {
        guard topicTable.topic(name) == nil else { return }
        do { try offsets?.removeOffsets(ofTopic: name) } catch {
            logger.warning(
                "what consumer groups have committed to a deleted topic cannot be removed yet",
                metadata: ["topic": "\(name)", "error": "\(error)"])
        }
    }

    func addPartitions(to topic: Topic, count: Int) throws(LogError) {
        try change { catalogue throws(LogError) in
            let at = try index(of: topic, catalogue)
            let have = catalogue.topics[at].partitionCount
            try topic.checkPartitions(to: count)
            let added = try makePartitions(catalogue.topics[at], have..<count)
            catalogue.topics[at].partitionCount = count
            try catalogueFile.write(catalogue)
            topic.add(added)
        }
    }

    func index(of topic: Topic, _ catalogue: TopicCatalogue) throws(LogError) -> Int {
        guard let at = catalogue.topics.firstIndex(where: { $0.id == topic.id && !$0.isBeingDeleted }) else {
            throw .unknownTopic(topic.name)
        }
        return at
    }

    /// Runs `body` on the catalogue, one change at a time. What it throws leaves the catalogue as it was.
    func change<R>(_ body: (inout TopicCatalogue) throws(LogError) -> R) throws(LogError) -> R {
        try changes.withLock { changes throws(LogError) in
            guard !changes.isClosed else { throw .closed }
            var catalogue = changes.catalogue
            do throws(LogError) {
                let result = try body(&catalogue)
                changes.catalogue = catalogue
                return result
            } catch {
                // What could not be made durable may still be what the next opening finds: put back what is in force.
                if error.isOfStorage { try? catalogueFile.write(changes.catalogue) }
                throw error
            }
        }
    }

    private func makePartitions(
        _ entry: TopicCatalogue.Entry, _ indexes: Range<Int>, starts: [Offset] = []
    ) throws(LogError) -> [Partition] {
        let files = NewPartitions(
            of: entry, in: path, fileSystem, nextSequence: journal.nextSequence, checkpointer, starts: starts)
        try files.create(indexes)
        var partitions: [Partition] = []
        for index in indexes {
            let recovery = try PartitionRecovery(entry, index, in: path, options.environment, logger: logger)
            partitions.append(Partition(try recovery.finish(), services))
        }
        return partitions
    }

    // MARK: Consumer groups

    /// What consumer groups have committed. Loads it at the first call, which waits for the disk; later calls return the
    /// same. Offsets of topics that are not there are removed then.
    package func consumerOffsets() throws(LogError) -> ConsumerOffsets {
        if kept.isClosing { throw .closed }
        return try offsets.load { () throws(LogError) in
            let offsets = ConsumerOffsets(of: self, topics: topicTable)
            try offsets.load()
            do { try offsets.removeOrphans() } catch {
                logger.warning(
                    "what consumer groups have committed to topics that are gone cannot be removed yet",
                    metadata: ["error": "\(error)"])
            }
            return offsets
        }
    }

    /// For a change of topics: nil where no group has ever stored anything.
    private func storedOffsets(besides name: String) throws(LogError) -> ConsumerOffsets? {
        guard name != ConsumerOffsets.topicName, let topic = topicTable.topic(ConsumerOffsets.topicName),
            topic.partitions.contains(where: { $0.end > $0.logStart })
        else { return nil }
        return try consumerOffsets()
    }

    // MARK: Space

    /// Bytes of all partitions, with indexes, and of the journal: what `retention.total.bytes` bounds.
    public var diskBytes: Int { kept.diskBytes }

    /// The data directory, from the root on.
    package var absolutePath: String { fileSystem.absolutePath(path) }

    /// How many bytes the file system that holds the directory has, and how many of them can be used.
    package func space() throws(LogError) -> (total: Int, usable: Int) {
        try storage { () throws(FileError) in try fileSystem.space(at: path) }
    }

    // MARK: Producers

    /// An id that no producer of this directory has had: the journal's epoch, then a count.
    package func makeProducerID() -> Int64 {
        let count = producerCount.wrappingAdd(1, ordering: .relaxed).oldValue
        return Int64(journal.epoch & 0x7FFF_FFFF) << 32 | (count & 0xFFFF_FFFF)
    }
}

/// What consumer groups have committed, loaded by the first who wants it while the others wait.
private final class LoadedOffsets: Sendable {
    private let loading = Monitor(Turn())
    // Apart from the lock of loading: that waits for the disk, and so does not wait for the checkpointer, who asks here.
    private let loaded = Mutex<ConsumerOffsets?>(nil)

    /// nil: nobody has wanted them.
    var current: ConsumerOffsets? { loaded.withLock { $0 } }

    func load(_ body: () throws(LogError) -> ConsumerOffsets) throws(LogError) -> ConsumerOffsets {
        if let current { return current }
        return try loading.withLock { _ throws(LogError) in
            if let current { return current }
            let new = try body()
            loaded.withLock { $0 = new }
            return new
        }
    }
}

/// The environment's chance as the standard library takes it.
struct EnvironmentRandom: RandomNumberGenerator {
    private let environment: Environment
    init(_ environment: Environment) { self.environment = environment }
    func next() -> UInt64 { environment.random() }
}
