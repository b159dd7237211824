internal import Storage

/// What a partition's `checkpoint` file says: up to where its segments are durable, and who produced what. See
/// docs/FORMAT.md, "Checkpoint".
///
///     0   UInt32  magic            "MCKP"
///     4   UInt16  version          3
///     6   UInt16  zero
///     8   UInt64  generation       the larger one of the two slots holds
///     16  UInt32  length           bytes of the body
///     20  UInt32  crc              CRC32C of bytes 0 to 19 and of the body
///     24  body:   UInt64 journalSequence, Int64 logStart, Int64 end, Int64 segment, UInt64 position,
///                 Int64 replayFrom, Int64 cleanedTo, Int64 nextHorizon,
///                 UInt32 epochCount, UInt32 producerCount, epochs, producers
///
/// Version 2 has no replayFrom, cleanedTo and nextHorizon; version 1 neither those nor epochs and a count of them.
struct PartitionCheckpoint: Equatable, Sendable {
    static let magic: UInt32 = 0x4D43_4B50
    static let version: UInt16 = 3
    static let checkedSize = 20, headerSize = 24

    /// The journal's rounds below this are in what the checkpoint says; of those from this on, some may be. A number
    /// that is ahead of the journal's own tells that the journal is an older one.
    var journalSequence: UInt64
    var logStart: Offset
    var end: LogEnd
    var compaction = CompactionMarks()
    var epochs = LeaderEpochs()
    var producers: ProducerTable

    static func == (a: Self, b: Self) -> Bool {
        a.journalSequence == b.journalSequence && a.logStart == b.logStart && a.end == b.end
            && a.compaction == b.compaction && a.epochs == b.epochs
            && a.producers.producers == b.producers.producers
    }

    func encoded(generation: UInt64) -> [UInt8] {
        var body = FieldWriter()
        body.add(journalSequence)
        body.add(logStart.value)
        body.add(end.offset.value)
        body.add(end.segment.value)
        body.add(UInt64(end.position))
        compaction.encode(into: &body)
        body.add(UInt32(epochs.entries.count))
        body.add(UInt32(producers.producers.count))
        epochs.encode(into: &body)
        producers.encode(into: &body)
        var writer = FieldWriter()
        writer.add(Self.magic)
        writer.add(Self.version)
        writer.add(UInt16(0))
        writer.add(generation)
        writer.add(UInt32(body.bytes.count))
        let crc = body.bytes.withUnsafeBytes { crc32c($0, seed: crc32c(writer.bytes[...])) }
        writer.add(crc)
        return writer.bytes + body.bytes
    }

    /// nil: the slot holds nothing that is whole.
    static func decode(_ slot: ArraySlice<UInt8>) -> (checkpoint: PartitionCheckpoint, generation: UInt64)? {
        var reader = FieldReader(slot)
        do {
            guard try reader.next(UInt32.self) == magic else { return nil }
            let version: UInt16 = try reader.next()
            guard 1...Self.version ~= version, try reader.next(UInt16.self) == 0 else { return nil }
            let generation: UInt64 = try reader.next()
            let length = Int(try reader.next(UInt32.self))
            let crc: UInt32 = try reader.next()
            let body = try reader.next(count: length)
            let computed = body.withUnsafeBytes { crc32c($0, seed: crc32c(slot.prefix(checkedSize))) }
            guard crc == computed else { return nil }
            var fields = FieldReader(body)
            let checkpoint = try PartitionCheckpoint(from: &fields, version: version)
            guard checkpoint.isPossible, FieldLimits.numbers ~= generation else { return nil }
            return (checkpoint, generation)
        } catch { return nil }
    }

    /// False: no writer puts such numbers there.
    private var isPossible: Bool {
        FieldLimits.numbers ~= journalSequence && logStart >= 0 && end.segment >= 0 && end.offset >= end.segment
            && FieldLimits.positions ~= end.position
    }

    private init(from fields: inout FieldReader, version: UInt16) throws(FieldReader.EndedEarly) {
        journalSequence = try fields.next()
        logStart = Offset(try fields.next())
        end = LogEnd(
            offset: Offset(try fields.next()), segment: Offset(try fields.next()),
            position: Int(clamping: try fields.next(UInt64.self)))
        if version > 2 { compaction = try CompactionMarks(from: &fields) }
        let epochCount: UInt32 = version > 1 ? try fields.next() : 0
        let producerCount: UInt32 = try fields.next()
        epochs = try LeaderEpochs(from: &fields, count: epochCount)
        producers = try ProducerTable(from: &fields, count: producerCount)
        // All that version 1 knew was written by the first epoch there is.
        if version == 1, end.offset > logStart { epochs.begin(0, at: logStart) }
    }

    init(
        journalSequence: UInt64, logStart: Offset, end: LogEnd, compaction: CompactionMarks = CompactionMarks(),
        epochs: LeaderEpochs = LeaderEpochs(), producers: ProducerTable = ProducerTable()
    ) {
        self.journalSequence = journalSequence
        self.logStart = logStart
        self.end = end
        self.compaction = compaction
        self.epochs = epochs
        self.producers = producers
    }
}

/// The file: two slots of equal size, written in turn, so that one torn by a power cut leaves the other. Open only
/// while it is written: a log of many partitions has few descriptors to spare.
struct CheckpointFile: Sendable {
    static let name = "checkpoint"

    private let path: String
    private let fileSystem: any FileSystem
    private var generation: UInt64
    private var slotSize: Int
    /// True: what is there under the name is no checkpoint, and its slots may be of any size.
    private var isDamaged = false
    /// One slot says nothing that is whole: torn by a power cut before it came to count, or damaged since.
    private(set) var hasDamagedSlot = false
    static let slotSizeMin = 4096
    /// What the slots that are whole say, the newest last.
    private var claims: [Claim] = []
    /// What was written last was not synced, and counts for nobody.
    private var isGivenUp = false

    private struct Claim {
        var logStart: Offset
        /// The one that holds the end.
        var segment: Offset
        var replayFrom: Offset

        init(_ checkpoint: PartitionCheckpoint) {
            logStart = checkpoint.logStart
            segment = checkpoint.end.segment
            replayFrom = checkpoint.compaction.replayFrom
        }
    }

    /// Whether a checkpoint says more than the last that was written of what the journal has to bring no more to segments
    /// that stay. `startsInside`: the log is to start within one.
    func isAdvanced(by checkpoint: PartitionCheckpoint, startsInside: Bool) -> Bool {
        guard let last = claims.last else { return startsInside || checkpoint.compaction.replayFrom > 0 }
        return startsInside && last.logStart < checkpoint.logStart
            || last.replayFrom < checkpoint.compaction.replayFrom
    }

    /// True: one slot alone says, by the start or by `replayFrom`, which rounds of the journal are not needed. The start may
    /// also be the earlier one of the two: a deletion that failed when its start was durable is followed by a checkpoint
    /// that knows nothing of it.
    var hasLoneClaim: Bool {
        guard let last = claims.last else { return false }
        if claims.count < 2 { return last.logStart > 0 || last.replayFrom > 0 }
        return claims[0].logStart != last.logStart || claims[0].replayFrom != last.replayFrom
    }

    /// What holds by either slot: no record before this start is needed, nor a segment before this one. nil: no slot is
    /// whole.
    var vouched: (logStart: Offset, segment: Offset)? {
        guard let start = claims.map(\.logStart).min(), let segment = claims.map(\.segment).min() else { return nil }
        return (start, segment)
    }

    init(path: String, _ fileSystem: any FileSystem, generation: UInt64 = 0, slotSize: Int = slotSizeMin) {
        self.path = path
        self.fileSystem = fileSystem
        self.generation = generation
        self.slotSize = slotSize
    }

    /// What the file says; nil where it says nothing that is whole.
    mutating func read() throws(FileError) -> PartitionCheckpoint? {
        guard fileSystem.exists(path) else { return nil }
        isDamaged = true
        let bytes = try fileSystem.contents(of: path)
        let count = bytes.count
        guard count >= 2 * Self.slotSizeMin, count % 2 == 0 else { return nil }
        let halves = [bytes[..<(count / 2)], bytes[(count / 2)...]]
        let decoded = halves.map { PartitionCheckpoint.decode($0) }
        hasDamagedSlot = zip(halves, decoded).contains { $1 == nil && !$0.isZero }
        let slots = decoded.compactMap { $0 }
        guard let newest = slots.max(by: { $0.generation < $1.generation }) else { return nil }
        slotSize = count / 2
        generation = newest.generation
        claims = slots.sorted { $0.generation < $1.generation }.map { Claim($0.checkpoint) }
        isDamaged = false
        return newest.checkpoint
    }

    /// Writes the slot that is not the newest. Durable after `synchronize`, or a sync of everything; where that cannot be made,
    /// `giveUp` is called for.
    mutating func write(_ checkpoint: PartitionCheckpoint) throws(FileError) {
        let next = generation + (isGivenUp ? 2 : 1)
        let bytes = checkpoint.encoded(generation: next)
        guard bytes.count <= slotSize, !isDamaged else { return try replace(with: checkpoint, bytes.count) }
        let file = try fileSystem.open(path, .create)
        let size = try file.size()
        // Zeros that are written, not a hole: on a full disk a deletion must find room for what it has to say.
        if size < 2 * slotSize { try file.write([UInt8](repeating: 0, count: 2 * slotSize - size), at: size) }
        try file.write(bytes, at: Int(next % 2) * slotSize)
        generation = next
        claims = (isGivenUp ? claims.dropLast() : claims[...]).suffix(1) + [Claim(checkpoint)]
        isGivenUp = false
    }

    /// What was written last is not durable, and will not be: the next one takes its slot. The other slot is the one that a
    /// loss of power leaves, and to write there could cost both. One that stands alone was synced before it got its name.
    mutating func giveUp() { isGivenUp = claims.count > 1 }

    /// Makes durable what was just read. It is written again first: where a sync of it has failed, the system takes it for
    /// written, and another sync says nothing.
    func settle(_ checkpoint: PartitionCheckpoint) throws(FileError) {
        let file = try fileSystem.open(path, .update)
        let bytes = checkpoint.encoded(generation: generation)
        // What an older version wrote may take more room now.
        if bytes.count <= slotSize { try file.write(bytes, at: Int(generation % 2) * slotSize) }
        try file.synchronize()
    }

    /// A new file with slots that are large enough, durable before it takes the old one's name.
    private mutating func replace(with checkpoint: PartitionCheckpoint, _ byteCount: Int) throws(FileError) {
        var size = slotSize
        while size < byteCount { size *= 2 }
        let temporary = path + ".tmp"
        var new = CheckpointFile(path: temporary, fileSystem, generation: generation, slotSize: size)
        if fileSystem.exists(temporary) { try fileSystem.remove(temporary) }
        try new.write(checkpoint)
        try new.synchronize()
        try fileSystem.rename(temporary, to: path)
        generation = new.generation
        slotSize = size
        claims = [Claim(checkpoint)]
        isDamaged = false
        isGivenUp = false
    }

    func synchronize() throws(FileError) { try fileSystem.open(path, .update).synchronize() }
}
