/// Which leader epoch wrote which offsets of a partition: for each epoch the offset that it began at. An epoch goes up
/// to where the next one begins. By it a reader finds out that what it has read was truncated and written anew.
///
/// Kafka's rules (its `LeaderEpochFileCache`): epochs and offsets strictly ascend, an epoch without records gives way to
/// the next, and the one that covers the log's start begins there.
///
/// In a checkpoint each entry is:
///     0   Int32   epoch
///     4   Int64   startOffset
struct LeaderEpochs: Equatable, Sendable {
    /// Beyond this the oldest are forgotten: what they wrote counts as unknown, never as truncated.
    static let entriesMax = 256
    static let epochField = 0, startOffset = 4, entrySize = 12

    private(set) var entries: [Entry] = []

    struct Entry: Equatable, Sendable {
        var epoch: Int32
        var start: Offset
    }

    var latest: Int32? { entries.last?.epoch }

    /// Takes note that `epoch` writes from `start` on. An epoch that is known, or older than the latest, changes nothing.
    mutating func begin(_ epoch: Int32, at start: Offset) {
        guard epoch >= 0, epoch > latest ?? -1 else { return }
        // They came to no records, or to some that were truncated.
        entries.removeLast(entries.count - entries.partitionPoint { $0.start < start })
        entries.append(Entry(epoch: epoch, start: start))
        if entries.count > Self.entriesMax { entries.removeFirst() }
    }

    /// Forgets what lies before the log's start.
    mutating func trim(to start: Offset) {
        let later = entries.partitionPoint { $0.start <= start }
        guard later > 0 else { return }
        entries.removeFirst(later - 1)
        entries[0].start = start
    }

    /// The largest epoch up to the one asked for, and where the next one begins; nil: there is none yet that is later.
    /// Before the first that is known everything ends where that begins.
    func end(of epoch: Int32) -> (epoch: Int32, endOffset: Offset)? {
        guard epoch >= 0 else { return nil }
        let next = entries.partitionPoint { $0.epoch <= epoch }
        guard next < entries.count else { return nil }
        return (next == 0 ? epoch : entries[next - 1].epoch, entries[next].start)
    }

    /// The epoch that wrote `offset`; nil: it is before what is known.
    func epoch(at offset: Offset) -> Int32? {
        let next = entries.partitionPoint { $0.start <= offset }
        return next == 0 ? nil : entries[next - 1].epoch
    }
}

extension LeaderEpochs {
    func encode(into writer: inout FieldWriter) {
        for entry in entries {
            writer.add(entry.epoch)
            writer.add(entry.start.value)
        }
    }

    init(from reader: inout FieldReader, count: UInt32) throws(FieldReader.EndedEarly) {
        for _ in 0..<count {
            entries.append(Entry(epoch: try reader.next(), start: Offset(try reader.next())))
        }
    }
}
