internal import Storage

/// The file: two slots of equal size, written in turn, so that one torn by a power cut leaves the other. Open only
/// while it is written: a log of many partitions has few descriptors to spare.
struct CheckpointFile: Sendable {
    static let name = "checkpoint"

    private let path: String
    private let fileSystem: any FileSystem
    /// Of the newest slot.
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
    /// The newest slot as it was read, until it is known to be durable: who wrote it may have been killed before it was synced.
    private var unsettled: [UInt8]?

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
        unsettled = Array(newest.bytes)
        isDamaged = false
        return newest.checkpoint
    }

    /// Writes the slot that is not the newest. Durable after `synchronize`, or a sync of everything; where that cannot be made,
    /// `giveUp` is called for.
    mutating func write(_ checkpoint: PartitionCheckpoint) throws(FileError) {
        if mustSettle { try settle() }
        let next = generation + (isGivenUp ? 2 : 1)
        let bytes = checkpoint.encoded(generation: next)
        guard bytes.count <= slotSize, !isDamaged else { return try replace(with: checkpoint, bytes.count) }
        let file = try fileSystem.open(path, .create)
        let size = try file.size()
        // Zeros that are written, not a hole: on a full disk a deletion must find room for what it has to say.
        if size < 2 * slotSize { try file.write([UInt8](repeating: 0, count: 2 * slotSize - size), at: size) }
        try file.write(bytes, at: start(of: next))
        generation = next
        claims = (isGivenUp ? claims.dropLast() : claims[...]).suffix(1) + [Claim(checkpoint)]
        isGivenUp = false
        unsettled = nil
    }

    private func start(of generation: UInt64) -> Int { Int(generation % 2) * slotSize }

    /// What was written last is not durable, and will not be: the next one takes its slot. The other slot is the one that a
    /// loss of power leaves, and to write there could cost both. Where there is no other, nothing is to be spared.
    mutating func giveUp() { isGivenUp = claims.count > 1 }

    // MARK: What was read

    /// While what was read is not durable, a loss of power may leave it torn, or what its slot held before; the other slot, which
    /// alone counts then, must not be written.
    var mustSettle: Bool { unsettled != nil }

    /// Makes durable what was read.
    mutating func settle() throws(FileError) {
        try rewrite()
        try synchronize()
        noteSettled()
    }

    /// Writes what was read once more: where a sync of it has failed, the system takes it for written, and another sync
    /// says nothing. Then `noteSettled`, once it was synced.
    func rewrite() throws(FileError) {
        guard let unsettled else { return }
        try fileSystem.open(path, .update).write(unsettled, at: start(of: generation))
    }

    /// What was read is durable.
    mutating func noteSettled() { unsettled = nil }

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
        unsettled = nil
    }

    func synchronize() throws(FileError) { try fileSystem.open(path, .update).synchronize() }
}
