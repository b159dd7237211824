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

    /// nil: the slot holds nothing that is whole. `bytes`: those of the slot that say it.
    static func decode(
        _ slot: ArraySlice<UInt8>
    ) -> (checkpoint: PartitionCheckpoint, generation: UInt64, bytes: ArraySlice<UInt8>)? {
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
            return (checkpoint, generation, slot.prefix(headerSize + length))
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
