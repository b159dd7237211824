import RecordFormat
import Storage
import TestSupport
import Testing

@testable import EventLog

/// docs/FORMAT.md says what the code does: its examples are made again, its tables compared with the constants.
@Suite struct FormatDocumentTests {
    static let example = Result { try ExampleDirectory() }
    static let dumps =
        [
            "batch", "batch-lz4", "offset-index", "time-index", "journal-header", "journal-round", "catalogue",
            "checkpoint", "swap",
        ] + ExampleOffsets.labels

    let document: FormatDocument

    init() throws { document = try FormatDocument() }

    @Test("a dump of the document is what the code writes", arguments: dumps)
    func dump(label: String) throws {
        let isOfGroups = ExampleOffsets.labels.contains(label)
        let written = isOfGroups ? ExampleOffsets.bytes(label) : try Self.example.get().bytes(label)
        let documented = try document.bytes(label)
        let difference = zip(written, documented).enumerated().first { $1.0 != $1.1 }?.offset
        #expect(written.count == documented.count, "\(label)")
        #expect(
            difference == nil,
            "\(label) differs from position \(difference ?? 0) on: the code writes \(hexadecimal(written))")
    }

    @Test("no dump of the document goes unchecked")
    func everyDump() throws {
        #expect(document.labels("hex").sorted() == Self.dumps.sorted())
        #expect(document.labels("layout") == ["files", "segment", "segment-next"])
    }

    private func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    }

    @Test("the example's directory holds the files of the document, of those sizes")
    func files() throws {
        let files = try Self.example.get().files
        let found = try files.names().flatMap { name in
            guard name.hasPrefix("readings-") else { return [name] }
            return try files.names(in: name).map { "\(name)/\($0)" }
        }.map { "\($0) \(try files.contents(of: $0).count)" }
        #expect(try document.block("layout", "files") == found)
    }

    @Test("the example's segments hold the batches of the document", arguments: [("segment", 0), ("segment-next", 7)])
    func segment(label: String, base: Int64) throws {
        let batches = try Self.example.get().batches(of: "readings-0/\(SegmentFiles.log(Offset(base)))").map { batch in
            let time = batch.maxTimestamp.milliseconds - ExampleDirectory.start
            return "\(batch.position) \(batch.byteCount) \(batch.baseOffset) \(batch.lastOffset) \(time)"
        }
        #expect(try document.block("layout", label) == batches)
    }

    @Test("the example can be opened and replayed")
    func replay() throws {
        // A copy: the other tests look at the bytes.
        let copy = try Self.example.get().files.copy()
        let log = try EventLog.open(at: copy.path, options: quietOptions())
        let partition = try #require(log.topic("readings")).partitions[0]
        #expect(
            try partition.values().map { $0.prefix(4) } == ["21.5", "", "?", "21.7", "aaaa", "21.9", "22.0", "22.4"])
        try log.close()
    }

    // MARK: Tables

    @Test("each field of a byte table begins where the one before it ends")
    func contiguous() throws {
        #expect(document.layouts.count == 12)
        for layout in document.layouts {
            var end = 0
            for field in try document.fields(layout) {
                #expect(field.at == end, "\(layout): \(field.name)")
                end = field.size.map { field.at + $0 } ?? .max
            }
        }
    }

    @Test("the byte tables have the positions of the code")
    func positions() throws {
        let batch = RecordBatchLayout.self
        try expect(
            "RecordBatchLayout",
            [
                "baseOffset": batch.baseOffset, "batchLength": batch.batchLength,
                "partitionLeaderEpoch": batch.partitionLeaderEpoch, "magic": batch.magic, "crc": batch.crc,
                "attributes": batch.attributes, "lastOffsetDelta": batch.lastOffsetDelta,
                "baseTimestamp": batch.baseTimestamp, "maxTimestamp": batch.maxTimestamp,
                "producerID": batch.producerID, "producerEpoch": batch.producerEpoch,
                "baseSequence": batch.baseSequence, "recordCount": batch.recordCount, "records": batch.headerSize,
            ])
        let round = RoundLayout.self
        try expect(
            "RoundLayout",
            [
                "magic": round.magicField, "nonce": round.nonce, "version": round.versionField, "epoch": round.epoch,
                "sequence": round.sequence, "payloadLength": round.payloadLength, "footerLength": round.footerLength,
                "entryCount": round.entryCount, "footerCRC": round.footerCRC, "headerCRC": round.headerCRC,
                "payload, footer": round.headerSize,
            ])
        let entry = RoundEntryLayout.self
        try expect(
            "RoundEntryLayout",
            [
                "topicHigh": entry.topicHigh, "topicLow": entry.topicLow, "partition": entry.partition,
                "runCount": entry.runCount, "segment": entry.segment, "position": entry.position,
                "baseOffset": entry.baseOffset, "endOffset": entry.endOffset, "crc": entry.crc,
                "byteCount": entry.byteCount,
            ], size: entry.size)
        try expect(
            "OffsetIndexEntryLayout",
            [
                "relativeOffset": OffsetIndexEntryLayout.relativeOffset, "position": OffsetIndexEntryLayout.position,
            ], size: OffsetIndexEntryLayout.size)
        try expect(
            "TimeIndexEntryLayout",
            [
                "timestamp": TimeIndexEntryLayout.timestamp, "relativeOffset": TimeIndexEntryLayout.relativeOffset,
            ], size: TimeIndexEntryLayout.size)
        try expect(
            "LeaderEpochs", ["epoch": LeaderEpochs.epochField, "startOffset": LeaderEpochs.startOffset],
            size: LeaderEpochs.entrySize)
        try expect("JournalHeader", ["crc": JournalHeader.checkedSize], size: JournalHeader.size, isWhole: false)
        try expect("TopicCatalogue", ["directoryHigh": TopicCatalogue.headerSize], isWhole: false)
        try expect(
            "PartitionCheckpoint",
            [
                "crc": PartitionCheckpoint.checkedSize, "journalSequence": PartitionCheckpoint.headerSize,
            ], isWhole: false)
        try expect(
            "SwapManifest", ["segmentCRC": SwapManifest.checkedFrom, "replaced": SwapManifest.headerSize],
            isWhole: false)
        try expect(
            "OffsetsSnapshot", ["crc": OffsetsSnapshot.checkedSize, "topicHigh": OffsetsSnapshot.headerSize],
            isWhole: false)
    }

    /// `isWhole`: the table has no other fields, but for zeros and what follows at `size`.
    private func expect(
        _ layout: String, _ positions: [String: Int], size: Int? = nil, isWhole: Bool = true
    ) throws {
        let fields = try document.fields(layout)
        for (name, position) in positions {
            #expect(fields.first { $0.name == name }?.at == position, "\(layout): \(name)")
        }
        if let size {
            let end = fields.last { $0.size != nil }.map { $0.at + ($0.size ?? 0) }
            #expect(end == size, "\(layout)")
        }
        if isWhole {
            let others = fields.filter { positions[$0.name] == nil && !$0.name.isEmpty && $0.size != nil }
            #expect(others == [], "\(layout)")
        }
    }

    @Test(
        "a limit of the document is the code's",
        arguments: [
            ("bytes of a batch, `max.message.bytes`", TopicSettings.batchBytesLimit),
            ("bytes of a batch by default", TopicSettings().batchBytesMax),
            ("bytes of a batch's records when read, decompressed", DecompressionBuffer.defaultLimit),
            ("bytes of a segment by default", TopicSettings().segmentBytes),
            ("bytes between index entries by default, `index.interval.bytes`", TopicSettings().indexIntervalBytes),
            ("bytes of a round, padding included", RingReader.roundBytesMax),
            ("bytes of a new journal by default", EventLogOptions().journalBytesInitial),
            ("bytes of a journal at most, by default", EventLogOptions().journalBytesMax),
            ("bytes of a checkpoint's slot at least", CheckpointFile.slotSizeMin),
            ("producers of a partition that are remembered", ProducerTable.producersMax),
            ("batches of a producer that are remembered", ProducerTable.batchesRemembered),
            ("leader epochs of a partition that are remembered", LeaderEpochs.entriesMax),
            ("batches that a snapshot of offsets names", BatchMark.countMax),
            ("bytes of a group's name, and of other texts of its records", SchemaWriter.stringBytesMax),
            ("partitions of a topic", EventLog.partitionsMax),
            ("bytes of a topic's name", TopicName.lengthMax),
            ("bytes of a text in the catalogue", Int(UInt16.max)),
        ])
    func limit(what: String, limit: Int) throws {
        #expect(document.text.contains("| \(what) | \(grouped(limit)) |"), "\(limit)")
    }

    @Test("a segment's size has the document's bounds")
    func segmentBounds() throws {
        for (what, bound, beyond) in [
            ("bytes of a segment, `segment.bytes`, at least", 1024, 1023),
            ("bytes of a segment at most", Int(Int32.max), Int(Int32.max) + 1),
        ] {
            #expect(document.text.contains("| \(what) | \(grouped(bound)) |"))
            #expect(try settings(["segment.bytes": "\(bound)"]).segmentBytes == bound)
            #expect(throws: LogError.self) { try settings(["segment.bytes": "\(beyond)"]) }
        }
    }

    private func grouped(_ number: Int) -> String {
        var digits = String(number)
        var groups: [String] = []
        while digits.count > 3 {
            groups.insert(String(digits.suffix(3)), at: 0)
            digits.removeLast(3)
        }
        return ([digits] + groups).joined(separator: ",")
    }

    @Test("blocks, the ring's start and the versions are the document's")
    func constants() {
        #expect(StorageAlignment.block == 4096)
        #expect(JournalHeader.ringStart == 8192)
        #expect([JournalHeader.version, RoundLayout.version, TopicCatalogue.version] == [2, 1, 3])
        #expect(PartitionCheckpoint.version == 3)
        #expect(OffsetsSnapshot.version == 1)
        #expect(SwapManifest.version == 1)
    }
}
