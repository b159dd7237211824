internal import Storage

/// What the groups of a partition of `__consumer_offsets` have stored, up to an offset: the file `offsets.snapshot` beside
/// the partition's segments. It is a cache, so that opening need not read the whole history: any file that is not
/// exactly of this partition, as it is now, is as good as none. See docs/FORMAT.md, "Snapshot of offsets".
///
///     0   UInt32  magic    "MGRP"
///     4   UInt16  version  1
///     6   UInt16  zero
///     8   UInt64  length   bytes of the body
///     16  UInt32  crc      CRC32C of bytes 0 to 15 and of the body
///     20  body:   UUID topic, UInt32 partition, Int64 logStart, Int64 end, UInt32 batchCount, batches,
///                 UInt32 groupCount, groups
///
/// A batch is Int64 baseOffset, UInt32 crc: of the last batches before `end`. The log must have these very batches there.
struct OffsetsSnapshot: Equatable, Sendable {
    static let magic: UInt32 = 0x4D47_5250
    static let version: UInt16 = 1
    static let checkedSize = 16, headerSize = 20
    static let fileName = "offsets.snapshot"

    var topic: TopicID
    var partition: UInt32
    var logStart: Offset
    /// Every record below this counts.
    var end: Offset
    var batches: [BatchMark]
    var groups: [String: StoredGroup]

    func encoded() -> [UInt8] {
        var body = FieldWriter()
        body.add(topic.high)
        body.add(topic.low)
        body.add(partition)
        body.add(logStart.value)
        body.add(end.value)
        body.add(UInt32(batches.count))
        for batch in batches {
            body.add(batch.baseOffset.value)
            body.add(batch.crc)
        }
        body.add(UInt32(groups.count))
        for group in groups.values.sorted(by: { $0.id < $1.id }) { group.encode(into: &body) }
        var writer = FieldWriter()
        writer.add(Self.magic)
        writer.add(Self.version)
        writer.add(UInt16(0))
        writer.add(UInt64(body.bytes.count))
        let crc = body.bytes.withUnsafeBytes { crc32c($0, seed: crc32c(writer.bytes[...])) }
        writer.add(crc)
        return writer.bytes + body.bytes
    }

    /// nil: the bytes are no snapshot that is whole.
    init?(decoding bytes: [UInt8]) {
        var reader = FieldReader(bytes[...])
        do throws(FieldReader.EndedEarly) {
            guard try reader.next(UInt32.self) == Self.magic, try reader.next(UInt16.self) == Self.version,
                try reader.next(UInt16.self) == 0
            else { return nil }
            let length: UInt64 = try reader.next()
            let crc: UInt32 = try reader.next()
            let body = bytes[Self.headerSize...]
            let computed = body.withUnsafeBytes { crc32c($0, seed: crc32c(bytes.prefix(Self.checkedSize))) }
            guard length == UInt64(body.count), crc == computed else { return nil }
            topic = TopicID(high: try reader.next(), low: try reader.next())
            partition = try reader.next()
            logStart = Offset(try reader.next())
            end = Offset(try reader.next())
            batches = []
            for _ in 0..<(try reader.next(UInt32.self)) {
                batches.append(BatchMark(baseOffset: Offset(try reader.next()), crc: try reader.next()))
            }
            groups = [:]
            for _ in 0..<(try reader.next(UInt32.self)) {
                guard let group = try StoredGroup(from: &reader) else { return nil }
                groups[group.id] = group
            }
            guard reader.remaining == 0 else { return nil }
        } catch { return nil }
    }

    init(
        topic: TopicID, partition: UInt32, logStart: Offset, end: Offset, batches: [BatchMark],
        groups: [String: StoredGroup]
    ) {
        self.topic = topic
        self.partition = partition
        self.logStart = logStart
        self.end = end
        self.batches = batches
        self.groups = groups
    }
}

/// What tells a batch from any other that might be in its place.
struct BatchMark: Equatable, Sendable {
    var baseOffset: Offset
    /// The batch's own checksum, over all but its place.
    var crc: UInt32

    /// A snapshot names so many: logs that are the same for so long are the same.
    static let countMax = 64
}

/// A group in a snapshot:
///
///     String id, Int64 lastChange, UInt32 topicCount, topics, UInt32 stateCount, states
///
/// A topic is String name, UInt32 count, and each: Int32 partition, Int64 offset, Int32 leaderEpoch, Int64 timestamp,
/// String metadata. A state is UInt32 keyLength, the key, UInt32 valueLength, the value: as in records of the topic. A
/// String is UInt16 length and its bytes.
extension StoredGroup {
    func encode(into body: inout FieldWriter) {
        body.add(id)
        body.add(lastChange.milliseconds)
        body.add(UInt32(offsets.count))
        for (topic, partitions) in offsets.sorted(by: { $0.key < $1.key }) {
            body.add(topic)
            body.add(UInt32(partitions.count))
            for (partition, committed) in partitions.sorted(by: { $0.key < $1.key }) {
                body.add(partition)
                body.add(committed.offset.value)
                body.add(committed.leaderEpoch)
                body.add(committed.timestamp.milliseconds)
                body.add(committed.metadata)
            }
        }
        let states = stateEntries
        body.add(UInt32(states.count))
        var (key, value) = (SchemaWriter(), SchemaWriter())
        for entry in states {
            entry.key.encode(of: id, into: &key)
            _ = entry.encodeValue(into: &value)
            body.add(UInt32(key.bytes.count))
            body.add(key.bytes)
            body.add(UInt32(value.bytes.count))
            body.add(value.bytes)
        }
    }

    /// nil: a state is not by Kafka's schemas.
    init?(from body: inout FieldReader) throws(FieldReader.EndedEarly) {
        self.init(id: try body.nextText())
        lastChange = Timestamp(milliseconds: try body.next())
        for _ in 0..<(try body.next(UInt32.self)) {
            let topic = try body.nextText()
            var partitions: [Int32: CommittedOffset] = [:]
            for _ in 0..<(try body.next(UInt32.self)) {
                let partition: Int32 = try body.next()
                let (offset, epoch) = (Offset(try body.next()), try body.next(Int32.self))
                let timestamp = Timestamp(milliseconds: try body.next())
                partitions[partition] = CommittedOffset(
                    offset, leaderEpoch: epoch, metadata: try body.nextText(), timestamp: timestamp)
            }
            offsets[topic] = partitions
        }
        for _ in 0..<(try body.next(UInt32.self)) {
            let key = try body.next(count: Int(try body.next(UInt32.self)))
            let value = try body.next(count: Int(try body.next(UInt32.self)))
            guard let (_, entry) = try? GroupEntry.decode(key: Array(key), value: Array(value)) else { return nil }
            apply(entry)
        }
    }

    /// What is stored but offsets.
    private var stateEntries: [GroupEntry] { stateKeys.compactMap { state($0) } }

    private func state(_ key: GroupKey) -> GroupEntry? {
        switch key {
        case .offset, .partitionMetadata: nil
        case .classicState: classicState.map { .classicState($0) }
        case .consumerGroup: consumerState?.metadata.map { .consumerGroup($0) }
        case .member(let id): consumerState?.members[id]?.metadata.map { .member(id, $0) }
        case .targetAssignment: consumerState?.target.map { .targetAssignment($0) }
        case .memberTarget(let id): consumerState?.members[id]?.target.map { .memberTarget(id, $0) }
        case .memberCurrent(let id): consumerState?.members[id]?.current.map { .memberCurrent(id, $0) }
        case .regularExpression(let text):
            consumerState?.regularExpressions[text].map { .regularExpression(text, $0) }
        }
    }
}

// MARK: The file

extension OffsetsSnapshot {
    /// The partition's snapshot, where it has one of itself as it is now.
    static func load(of partition: Partition, _ fileSystem: any FileSystem) -> OffsetsSnapshot? {
        let path = "\(partition.directory)/\(fileName)"
        guard fileSystem.exists(path), let bytes = try? fileSystem.contents(of: path),
            let snapshot = OffsetsSnapshot(decoding: bytes), (try? snapshot.holds(of: partition)) == true
        else { return nil }
        return snapshot
    }

    /// Whether this is the partition, and its log has the batches that the snapshot ends with.
    private func holds(of partition: Partition) throws(LogError) -> Bool {
        guard topic == partition.topicID, partition.index == Int(self.partition), logStart == partition.logStart,
            end <= partition.end, let first = batches.first
        else { return false }
        var reader = BatchReader(partition, from: first.baseOffset)
        for batch in batches {
            guard let bytes = try reader.nextBatch(before: end),
                let header = try? RecordBatchHeader(parsing: bytes.bytes), BatchMark(header) == batch
            else { return false }
        }
        return reader.next == end
    }

    /// Puts the snapshot in the place of the one before. It need not be durable: half a file is none.
    /// Returns how many bytes it takes.
    func write(of partition: Partition, _ fileSystem: any FileSystem) throws(FileError) -> Int {
        let path = "\(partition.directory)/\(Self.fileName)"
        let temporary = path + ".tmp"
        if fileSystem.exists(temporary) { try fileSystem.remove(temporary) }
        let bytes = encoded()
        try fileSystem.open(temporary, .create).write(bytes, at: 0)
        try fileSystem.rename(temporary, to: path)
        return bytes.count
    }
}

extension BatchMark {
    init(_ header: RecordBatchHeader) {
        self.init(baseOffset: header.baseOffset, crc: header.crc)
    }
}
