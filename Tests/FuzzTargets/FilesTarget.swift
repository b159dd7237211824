@testable import EventLog

enum FilesTarget {
    private enum Kind: UInt8, CaseIterable {
        case catalogue, checkpoint, manifest, snapshot, setting
    }

    static func run(_ input: inout FuzzInput) {
        let choice = input.byte()
        let kind = Kind.allCases[Int(choice & 0x7F) % Kind.allCases.count]
        // Now and then as it is: then it is the checksum that is tried.
        let repairs = choice & 0x80 == 0
        switch kind {
        case .catalogue: catalogue(input.rest(), repairs)
        case .checkpoint: checkpoint(input.rest(), repairs)
        case .manifest: manifest(input.rest(), repairs)
        case .snapshot: snapshot(input.rest(), repairs)
        case .setting: setting(&input)
        }
    }

    private static func catalogue(_ bytes: [UInt8], _ repairs: Bool) {
        var bytes = bytes
        if repairs { bytes.patch(crc32c(bytes.dropFirst(16)), at: 12) }
        guard let catalogue = try? TopicCatalogue(decoding: bytes) else { return }
        let written = catalogue.encoded()
        guard let again = try? TopicCatalogue(decoding: written) else {
            preconditionFailure("a catalogue that was written is not read")
        }
        precondition(again.encoded() == written, "a catalogue that was written is another")
    }

    private static func checkpoint(_ bytes: [UInt8], _ repairs: Bool) {
        var bytes = bytes
        if repairs, bytes.count >= PartitionCheckpoint.headerSize {
            bytes.patch(UInt32(bytes.count - PartitionCheckpoint.headerSize), at: 16)
            let head = crc32c(bytes[..<PartitionCheckpoint.checkedSize])
            let crc = bytes[PartitionCheckpoint.headerSize...].withUnsafeBytes { crc32c($0, seed: head) }
            bytes.patch(crc, at: 20)
        }
        guard let read = PartitionCheckpoint.decode(bytes[...]) else { return }
        let written = read.checkpoint.encoded(generation: read.generation)
        guard let again = PartitionCheckpoint.decode(written[...]) else {
            preconditionFailure("a checkpoint that was written is not read")
        }
        precondition(again.checkpoint == read.checkpoint, "a checkpoint that was written is another")
    }

    private static func manifest(_ bytes: [UInt8], _ repairs: Bool) {
        var bytes = bytes
        if repairs, bytes.count >= SwapManifest.headerSize {
            bytes.patch(UInt32((bytes.count - SwapManifest.headerSize) / 8), at: 24)
            bytes.patch(crc32c(bytes[SwapManifest.checkedFrom...]), at: 8)
        }
        guard let manifest = SwapManifest(decoding: bytes) else { return }
        precondition(SwapManifest(decoding: manifest.encoded()) == manifest, "a manifest that was written is another")
    }

    private static func snapshot(_ bytes: [UInt8], _ repairs: Bool) {
        var bytes = bytes
        if repairs, bytes.count >= OffsetsSnapshot.headerSize {
            bytes.patch(UInt64(bytes.count - OffsetsSnapshot.headerSize), at: 8)
            let head = crc32c(bytes[..<OffsetsSnapshot.checkedSize])
            let crc = bytes[OffsetsSnapshot.headerSize...].withUnsafeBytes { crc32c($0, seed: head) }
            bytes.patch(crc, at: 16)
        }
        guard let snapshot = OffsetsSnapshot(decoding: bytes) else { return }
        precondition(
            OffsetsSnapshot(decoding: snapshot.encoded()) == snapshot, "a snapshot that was written is another")
    }

    /// The texts that an admin client sends.
    private static func setting(_ input: inout FuzzInput) {
        let choice = input.byte()
        let value = input.text(64)
        var topic = TopicSettings()
        let topics = TopicSettings.all
        if (try? topic.set(topics[Int(choice) % topics.count].name, to: value)) != nil {
            _ = topics.map { $0.value(topic) }
        }
        var log = LogSettings()
        let logs = LogSettings.all
        if (try? log.set(logs[Int(choice) % logs.count].name, to: value)) != nil { _ = logs.map { $0.value(log) } }
    }

    static func seeds() throws -> [[UInt8]] {
        var catalogue = TopicCatalogue(directory: TopicID(high: 1, low: 2))
        catalogue.leaderEpoch = 3
        var settings = TopicSettings()
        try settings.set("segment.bytes", to: "2000")
        catalogue.topics = [
            TopicCatalogue.Entry(name: "readings", id: TopicID(high: 3, low: 4), partitionCount: 2, settings: settings)
        ]
        try catalogue.rebase(on: [SettingOverride(name: "retention.ms", value: "1000")])
        catalogue.storedSettings = [SettingOverride(name: "max.connections", value: "5")]
        var epochs = LeaderEpochs()
        epochs.begin(1, at: 0)
        epochs.begin(4, at: 100)
        let checkpoint = PartitionCheckpoint(
            journalSequence: 7, logStart: 5, end: LogEnd(offset: 300, segment: 200, position: 4000), epochs: epochs)
        let manifest = SwapManifest(segmentCRC: 9, segmentBytes: 500, replaced: [0, 20, 40])
        var group = StoredGroup(id: "g")
        group.lastChange = Timestamp(milliseconds: 5)
        group.offsets["readings"] = [
            0: CommittedOffset(12, leaderEpoch: 1, metadata: "m", timestamp: Timestamp(milliseconds: 4))
        ]
        let snapshot = OffsetsSnapshot(
            topic: TopicID(high: 5, low: 6), partition: 0, logStart: 0, end: 10,
            batches: [BatchMark(baseOffset: 3, crc: 8)], groups: ["g": group])
        var seeds: [[UInt8]] = [
            [Kind.catalogue.rawValue] + catalogue.encoded(),
            [Kind.checkpoint.rawValue] + checkpoint.encoded(generation: 2),
            [Kind.manifest.rawValue] + manifest.encoded(),
            [Kind.snapshot.rawValue] + snapshot.encoded(),
        ]
        for value in ["1", "-1", "9223372036854775807", "compact,delete", "true", "lz4", "0.5", "1.8e308"] {
            for choice in 0..<UInt8(TopicSettings.all.count) where choice % 4 == 0 {
                seeds.append([Kind.setting.rawValue, choice] + Array(value.utf8))
            }
        }
        return seeds
    }
}
