internal import Storage

/// Which topics there are: their ids, partition counts and settings; the id of the data directory, the epoch that its
/// batches get, and what was set for the directory as a whole.
///
///     0   UInt64  magic            "MRTLCTLG"
///     8   UInt32  version          3
///     12  UInt32  crc              CRC32C of the body
///     16  UInt64  directoryHigh, 24 UInt64 directoryLow
///     32  Int32   leaderEpoch      not in version 1
///     36  UInt32  topic count, then for each topic:
///         UInt64 idHigh, UInt64 idLow, UInt8 flags (1: being deleted), UInt32 partition count,
///         text name, UInt16 setting count, each: text name, text value
///     then, not in versions 1 and 2, twice: UInt16 setting count, each: text name, text value
///
/// A text is a UInt16 length and that many bytes of UTF-8. The body is everything from byte 16 on. See docs/FORMAT.md,
/// "Catalogue".
struct TopicCatalogue: Equatable, Sendable {
    static let magic: UInt64 = 0x4D52_544C_4354_4C47
    static let version: UInt32 = 3
    static let headerSize = 16
    static let settingsMax = Int(UInt16.max)

    var directory: TopicID
    /// One for all partitions: one more each time that the directory is opened after an accident.
    var leaderEpoch: Int32 = 0
    var topics: [Entry] = []
    /// What topics have that set nothing. Already in the settings of each.
    private(set) var topicDefaults: [SettingOverride] = []
    /// Kept for whoever opens the log, and not looked at here.
    var storedSettings: [SettingOverride] = []

    /// Read from a file of an older version, which is replaced before anything else is written.
    private(set) var isOfOldVersion = false

    struct Entry: Equatable, Sendable {
        var name: String
        var id: TopicID
        var partitionCount: Int
        var settings: TopicSettings
        /// Its files are being removed: whoever opens the directory next finishes that.
        var isBeingDeleted = false
    }

    init(directory: TopicID) { self.directory = directory }

    func encoded() -> [UInt8] {
        var body = FieldWriter()
        body.add(directory.high)
        body.add(directory.low)
        body.add(leaderEpoch)
        body.add(UInt32(clamping: topics.count))
        for topic in topics { topic.encode(into: &body) }
        body.add(topicDefaults)
        body.add(storedSettings)
        var writer = FieldWriter()
        writer.add(Self.magic)
        writer.add(Self.version)
        writer.add(crc32c(body.bytes[...]))
        return writer.bytes + body.bytes
    }

    /// Throws a plain reason where the bytes are no whole catalogue.
    init(decoding bytes: [UInt8]) throws(Problem) {
        do {
            var reader = FieldReader(bytes[...])
            guard try reader.next(UInt64.self) == Self.magic else { throw Problem(reason: "it is not a catalogue") }
            let version: UInt32 = try reader.next()
            guard 1...Self.version ~= version else {
                throw Problem(reason: "its version is \(version): this program knows 1 to \(Self.version)")
            }
            let crc: UInt32 = try reader.next()
            guard crc == crc32c(bytes[Self.headerSize...]) else { throw Problem(reason: "its checksum is wrong") }
            directory = TopicID(high: try reader.next(), low: try reader.next())
            if version > 1 { leaderEpoch = try reader.next() }
            isOfOldVersion = version < Self.version
            for _ in 0..<(try reader.next(UInt32.self)) { topics.append(try Entry(from: &reader)) }
            for topic in topics {
                // It becomes a path, and is removed by that.
                if let problem = TopicName.problem(with: topic.name) {
                    throw Problem(reason: "the name of a topic is not possible: \(problem)")
                }
                guard 1...EventLog.partitionsMax ~= topic.partitionCount else {
                    throw Problem(
                        reason:
                            "topic \(topic.name) has \(topic.partitionCount) partitions, and not 1 to \(EventLog.partitionsMax)"
                    )
                }
            }
            guard Set(topics.map(\.name)).count == topics.count else {
                throw Problem(reason: "two topics have the same name")
            }
            guard version > 2 else { return }
            try rebase(on: try reader.nextSettings())
            storedSettings = try reader.nextSettings()
        } catch let problem as Problem {
            throw problem
        } catch let error as LogError {
            throw Problem(reason: error.description)
        } catch {
            throw Problem(reason: "it ends early")
        }
    }

    struct Problem: Error {
        let reason: String
    }

    /// What the topic has where it sets nothing. What consumer groups have committed depends on no default: one that
    /// relaxes durability, or deletes by age, is meant for records.
    func defaults(of topic: String) -> [SettingOverride] { topic == ConsumerOffsets.topicName ? [] : topicDefaults }

    /// Other defaults, for every topic at once. Throws for what is no setting of a topic, or a value out of its range.
    mutating func rebase(on defaults: [SettingOverride]) throws(LogError) {
        if defaults.isEmpty && topicDefaults.isEmpty { return }
        // As they are written, in order, and no name twice.
        var settings = TopicSettings()
        try settings.rebase(on: defaults)
        topicDefaults = settings.defaults
        for i in topics.indices { try topics[i].settings.rebase(on: self.defaults(of: topics[i].name)) }
    }
}

extension TopicCatalogue.Entry {
    fileprivate func encode(into writer: inout FieldWriter) {
        writer.add(id.high)
        writer.add(id.low)
        writer.add(UInt8(isBeingDeleted ? 1 : 0))
        writer.add(UInt32(clamping: partitionCount))
        writer.add(name)
        writer.add(settings.overrides)
    }

    fileprivate init(from reader: inout FieldReader) throws {
        id = TopicID(high: try reader.next(), low: try reader.next())
        isBeingDeleted = try reader.next(UInt8.self) & 1 != 0
        partitionCount = Int(try reader.next(UInt32.self))
        name = try reader.nextText()
        settings = TopicSettings()
        for setting in try reader.nextSettings() { try settings.set(setting.name, to: setting.value) }
    }
}

extension FieldWriter {
    fileprivate mutating func add(_ settings: [SettingOverride]) {
        add(UInt16(clamping: settings.count))
        for setting in settings.prefix(TopicCatalogue.settingsMax) {
            add(setting.name)
            add(setting.value)
        }
    }
}

extension FieldReader {
    fileprivate mutating func nextSettings() throws(EndedEarly) -> [SettingOverride] {
        var settings: [SettingOverride] = []
        for _ in 0..<(try next(UInt16.self)) {
            settings.append(SettingOverride(name: try nextText(), value: try nextText()))
        }
        return settings
    }
}

extension TopicCatalogue.Entry {
    /// Removes the directories of all partitions, those that are still there. Durable when it returns.
    func removeDirectories(in data: String, _ fileSystem: any FileSystem) throws(FileError) {
        for index in 0..<partitionCount {
            let directory = "\(data)/\(TopicName.directory(name, index))"
            if fileSystem.exists(directory) { try fileSystem.removeDirectory(directory) }
        }
        try fileSystem.synchronizeDirectory(data)
    }
}

/// The catalogue's file: written as a whole under another name, synced, then renamed over the old one. A file of zeros
/// beside it, `catalogue.room`, is removed where there is no other room for that.
struct CatalogueFile: Sendable {
    static let name = "catalogue"
    private let directory: String
    private let fileSystem: any FileSystem

    init(in directory: String, _ fileSystem: any FileSystem) {
        self.directory = directory
        self.fileSystem = fileSystem
    }

    private var path: String { "\(directory)/\(Self.name)" }

    /// nil: there is none.
    func read() throws(LogError) -> TopicCatalogue? {
        guard fileSystem.exists(path) else { return nil }
        let bytes = try storage { () throws(FileError) in try fileSystem.contents(of: path) }
        do { return try TopicCatalogue(decoding: bytes) } catch {
            throw .damaged(file: path, position: 0, reason: error.reason + ": restore it from a copy of the directory")
        }
    }

    func write(_ catalogue: TopicCatalogue) throws(LogError) {
        let bytes = catalogue.encoded()
        try storage { () throws(FileError) in
            do throws(FileError) { try replace(with: bytes) } catch {
                guard error.isDiskFull, fileSystem.exists(roomPath) else { throw error }
                try fileSystem.remove(roomPath)
                try replace(with: bytes)
            }
            keepRoom(bytes.count)
        }
    }

    private func replace(with bytes: [UInt8]) throws(FileError) {
        let temporary = path + ".tmp"
        if fileSystem.exists(temporary) { try fileSystem.remove(temporary) }
        let file = try fileSystem.open(temporary, .create)
        try file.write(bytes, at: 0)
        try file.synchronize()
        try fileSystem.rename(temporary, to: path)
        try fileSystem.synchronizeDirectory(directory)
    }

    /// For the next catalogue, which is to be written on a full disk, too: to open the directory takes one. Where there is
    /// no room for it now, there may be later.
    private func keepRoom(_ byteCount: Int) {
        let size = StorageAlignment.roundUp(byteCount + Self.roomMin)
        guard let file = try? fileSystem.open(roomPath, .create), (try? file.size()) ?? 0 < size else { return }
        try? file.write([UInt8](repeating: 0, count: size), at: 0)
    }

    private var roomPath: String { path + ".room" }
    /// By how many bytes the next catalogue may be larger.
    private static let roomMin = 4096
}
