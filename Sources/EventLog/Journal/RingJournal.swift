internal import Storage

/// The journal as a ring in one file of the data directory, zero-filled in advance and written past the page cache.
///
/// Rounds follow each other; one that does not fit before the end goes to the start. The reader therefore looks for
/// the next sequence number where the last round ended, then at the start of the ring; nonce and checksum keep old
/// rounds and payload bytes from passing for it. A round's space is used again only after `release` has made durable
/// that nobody needs it.
final class RingJournal: Journal, @unchecked Sendable {
    // Unchecked: `scratch` belongs to whoever holds the monitor or, before `begin`, to the one thread that opens.
    private let file: any StorageFile
    private let path: String
    private let fileSystem: any FileSystem
    private let bytesMax: Int
    private let state: Monitor<State>
    private let scratch: UnsafeMutableRawBufferPointer
    /// Called on the appender's thread when the ring wants releasing or growing.
    private let onPressure: @Sendable () -> Void

    fileprivate struct State {
        var header: JournalHeader
        /// What the other slot names; nil: nobody has written it since the journal was opened.
        var otherTailSequence: UInt64?
        var capacity: Int
        /// What it is to grow to.
        var target = 0
        var head: Int
        var nextSequence: UInt64
        /// Rounds that are still needed, oldest first.
        var live: [Span] = []
        var liveBytes = 0
        /// What a round waits for, in bytes; 0: none does.
        var wanted = 0
        /// Why it waits in vain.
        var refusal: FileError?
        /// A round could not be written.
        var failure: FileError?

        struct Span {
            var sequence: UInt64
            var position: Int
            var byteCount: Int
        }
    }

    // MARK: Opening

    /// A new journal: `bytes` of zeros with a header. `isClosed`: nobody was cut short before it.
    static func create(
        at path: String, _ fileSystem: any FileSystem, directory: TopicID, nonce: UInt64, bytes: Int,
        isClosed: Bool
    ) throws(FileError) {
        let file = try fileSystem.open(path, .create)
        try fill(file, from: 0, to: bytes)
        let header = JournalHeader(
            nonce: nonce, directory: directory, epoch: 0, generation: 1,
            tailPosition: JournalHeader.ringStart, tailSequence: 1, isClosed: isClosed)
        let encoded = header.encoded()
        try file.write(encoded, at: header.slotPosition)
        try file.synchronize()
    }

    /// Zeros, so that writing a round later allocates nothing: a sync then has no metadata to write.
    private static func fill(_ file: any StorageFile, from start: Int, to end: Int) throws(FileError) {
        let zeros = [UInt8](repeating: 0, count: max(0, min(1 << 20, end - start)))
        var position = start
        while position < end {
            let count = min(zeros.count, end - position)
            try file.write(count == zeros.count ? zeros : Array(zeros[..<count]), at: position)
            position += count
        }
    }

    init(
        at path: String, _ fileSystem: any FileSystem, header: JournalHeader, bytesMax: Int,
        onPressure: @escaping @Sendable () -> Void
    ) throws(FileError) {
        self.path = path
        self.fileSystem = fileSystem
        self.bytesMax = bytesMax
        self.onPressure = onPressure
        file = try fileSystem.open(path, .durableBlocks)
        let capacity = try file.size() / StorageAlignment.block * StorageAlignment.block
        state = Monitor(
            State(header: header, capacity: capacity, head: header.tailPosition, nextSequence: header.tailSequence))
        scratch = .allocate(byteCount: StorageAlignment.block, alignment: StorageAlignment.block)
    }

    deinit { scratch.deallocate() }

    var nonce: UInt64 { state.withLock { $0.header.nonce } }
    var epoch: UInt32 { state.withLock { $0.header.epoch } }
    var nextSequence: UInt64 { state.withLock { $0.nextSequence } }
    /// Bytes of the file.
    var byteCount: Int { state.withLock { $0.capacity } }
    var liveBytes: Int { state.withLock { $0.liveBytes } }

    /// How reading the rounds ended.
    enum ReplayEnd: Equatable {
        /// Where writing stopped.
        case whole
        /// The same, and the last round is not whole: it was cut, or damaged since.
        case broken(position: Int, sequence: UInt64)
        /// A damaged round with valid later ones after it, at this position in the file.
        case damaged(position: Int, sequence: UInt64)
    }

    /// Reads the rounds that are still needed, oldest first. Before `begin`.
    func replay<E: Error>(
        _ body: (JournalRound) throws(E) -> Void, orFileError: (FileError) -> E
    ) throws(E) -> ReplayEnd {
        let reader: RingReader
        do {
            reader = RingReader(
                try fileSystem.open(path, .read), nonce: nonce, capacity: state.withLock { $0.capacity })
        } catch { throw orFileError(error) }
        while true {
            let (position, expected) = state.withLock { ($0.head, $0.nextSequence) }
            let found: (round: JournalRound, position: Int)?
            do { found = try reader.round(expected, near: position) } catch { throw orFileError(error) }
            guard let found else {
                let later: Int?
                let broken: Int?
                do {
                    later = try reader.laterRound(than: expected, from: position)
                    if later == nil { try settleLast(reader) }
                    broken = later == nil ? try reader.brokenRound(expected, near: position) : nil
                } catch { throw orFileError(error) }
                if later != nil { return .damaged(position: position, sequence: expected) }
                return broken.map { .broken(position: $0, sequence: expected) } ?? .whole
            }
            try body(found.round)
            state.withLock { $0.add(found.round.sequence, found.position, found.round.byteCount) }
        }
    }

    /// A round is begun when the one before it is durable. Of the last one it is not known: who wrote it may have been
    /// killed before it was, or have been told that it is not. What follows builds on it, so it is written again.
    private func settleLast(_ reader: RingReader) throws(FileError) {
        guard let last = state.withLock({ $0.live.last }) else { return }
        try writeInPieces(try reader.read(last.byteCount, at: last.position), at: last.position)
    }

    /// Takes the journal over for writing: a new epoch.
    func begin() throws(FileError) {
        var header = state.withLock { $0.header }
        header.epoch &+= 1
        header.generation += 1
        header.isClosed = false
        try write(header)
    }

    /// Whoever opens the directory next need not fear that anything was lost. After the last checkpoint.
    func markClosed() throws(FileError) {
        var header = state.withLock { $0.header }
        header.generation += 1
        header.isClosed = true
        try write(header)
    }

    /// Gives up every round: what only the journal held is lost. For a directory that is opened without it.
    /// `known`: the latest sequence number that any checkpoint names. `epoch`: the latest that anything remembers.
    func discard(past known: UInt64, epoch: UInt32) throws(FileError) {
        var header = state.withLock { $0.header }
        header.generation += 1
        header.epoch = max(header.epoch, epoch)
        // Far past all that was given before: old rounds in the ring must never be taken for new ones.
        header.tailSequence = max(known, state.withLock { $0.nextSequence }) + 1 << 32
        header.tailPosition = JournalHeader.ringStart
        try write(header)
        state.withLock { state in
            state.head = header.tailPosition
            state.nextSequence = header.tailSequence
            state.live = []
            state.liveBytes = 0
        }
    }

    private func write(_ header: JournalHeader) throws(FileError) {
        scratch.initializeMemory(as: UInt8.self, repeating: 0)
        scratch.copyBytes(from: header.encoded())
        try file.write(UnsafeRawBufferPointer(scratch), at: header.slotPosition)
        state.withLock { state in
            state.otherTailSequence = state.header.tailSequence
            state.header = header
        }
    }

    // MARK: Appending

    func awaitRoom(for byteCount: Int) throws(FileError) {
        let hasRoom = state.withLock { state in
            // A journal that has failed says so when it is written.
            if state.place(byteCount) != nil || state.failure != nil { return true }
            state.wanted = byteCount
            state.refusal = nil
            return false
        }
        if hasRoom { return }
        onPressure()
        let refusal = state.wait(
            until: { $0.place(byteCount) != nil || $0.failure != nil || $0.refusal != nil },
            then: { state in
                state.wanted = 0
                return state.place(byteCount) == nil && state.failure == nil ? state.refusal : nil
            })
        if let refusal { throw refusal }
    }

    func append(_ round: UnsafeRawBufferPointer) throws(FileError) {
        let count = round.count
        precondition(count % StorageAlignment.block == 0, "a round is a whole number of blocks")
        let (place, failure) = state.withLock { ($0.place(count), $0.failure) }
        if let failure { throw failure }
        guard let place else { preconditionFailure("a round was appended that there is no room for") }
        do {
            try writeInPieces(round, at: place)
        } catch {
            state.withLock { $0.failure = error }
            throw error
        }
        let isPressed = state.withLock { state in
            state.add(state.nextSequence, place, count)
            return state.wantsRoom
        }
        if isPressed { onPressure() }
    }

    /// Larger direct writes are slower than several of this size.
    private static let pieceSize = 4 << 20

    private func writeInPieces(_ round: UnsafeRawBufferPointer, at position: Int) throws(FileError) {
        var done = 0
        while done < round.count {
            let count = min(Self.pieceSize, round.count - done)
            try file.write(round.part(done, count), at: position + done)
            done += count
        }
    }

    // MARK: Making room, by the checkpointer

    func release(below sequence: UInt64) throws(FileError) {
        var header = state.withLock { state in
            var header = state.header
            let first = state.live.first { $0.sequence >= sequence }
            header.tailSequence = first?.sequence ?? state.nextSequence
            header.tailPosition = first?.position ?? state.head
            return header
        }
        guard header.tailSequence != state.withLock({ $0.header.tailSequence }) else { return }
        header.generation += 1
        try write(header)
        state.withLock { state in
            let kept = state.live.partitionPoint { $0.sequence < header.tailSequence }
            state.liveBytes -= state.live[..<kept].reduce(0) { $0 + $1.byteCount }
            state.live.removeFirst(kept)
        }
        state.signalAll()
    }

    /// Releases the rounds below `sequence` by either slot of the header: whichever is damaged one day, they are never
    /// read again.
    func releaseForGood(below sequence: UInt64) throws(FileError) {
        try release(below: sequence)
        var (header, other) = state.withLock { ($0.header, $0.otherTailSequence) }
        if let other, other >= sequence { return }
        header.generation += 1
        try write(header)
    }

    /// Has the ring doubled, up to its limit, where the rounds that are needed fill half of it, one does not fit, or it fills
    /// too soon; and begins with it.
    func growIfPressed(isTooSmall: Bool) throws(FileError) {
        if !isGrowing, let larger = nextCapacity(isTooSmall: isTooSmall) { state.withLock { $0.target = larger } }
        if isGrowing { try grow() }
    }

    /// The ring is to be larger than it is.
    var isGrowing: Bool { state.withLock { $0.capacity < $0.target } }

    /// Adds some pieces to the ring, or as many as it takes for a round that waits for them. The rest is for later: whoever
    /// grows has other things to do, and a round is written to the same file, so that it waits for each piece.
    func grow() throws(FileError) {
        let plain = try fileSystem.open(path, .update)
        var pieces = 0
        while isGrowing, pieces < Self.piecesAtOnce || state.withLock({ $0.waitsForGrowth }) {
            let (capacity, target) = state.withLock { ($0.capacity, $0.target) }
            let end = min(target, capacity + Self.growthPiece)
            try Self.fill(plain, from: capacity, to: end)
            try plain.synchronize()
            state.withLock { $0.capacity = end }
            state.signalAll()
            pieces += 1
        }
    }

    private static let growthPiece = 1 << 20
    private static let piecesAtOnce = 4

    /// nil: the ring is large enough, or as large as it may be.
    private func nextCapacity(isTooSmall: Bool) -> Int? {
        let (capacity, wanted, isPressed) = state.withLock { state in
            (
                state.capacity, state.wanted,
                isTooSmall || state.liveBytes > state.capacity / 2 || state.wanted > state.capacity / 2
            )
        }
        guard isPressed, capacity < bytesMax else { return nil }
        // As often as it takes for the round that waits: nobody asks again for it.
        var larger = capacity
        repeat { larger = min(bytesMax, larger * 2) } while larger < bytesMax && larger / 2 < wanted
        return larger
    }

    /// A round that does not even fit an empty ring waits for nothing.
    func cannotGrow(_ error: FileError) {
        state.withLock { state in
            // Until it is asked for again.
            state.target = 0
            if JournalHeader.ringStart + state.wanted > state.capacity { state.refusal = error }
        }
        state.signalAll()
    }

    /// A full ring stays full as yet: whoever waits for room is told so. Many checkpoints were asked for before it came to
    /// this.
    func cannotRelease(_ error: FileError) {
        state.withLock { if $0.wanted > 0, $0.place($0.wanted) == nil { $0.refusal = error } }
        state.signalAll()
    }

    /// True: an append waits for room.
    var isAwaited: Bool { state.withLock { $0.wanted > 0 } }

    /// True where a checkpoint should release rounds: the ring is not to fill, nor recovery to take long.
    var wantsRelease: Bool { state.withLock { $0.wantsRoom } }
}

extension RingJournal.State {
    /// Where a round of `count` bytes can go; nil while there is no room.
    fileprivate func place(_ count: Int) -> Int? {
        let start = JournalHeader.ringStart
        #if PLANTED_BUGS
        let live = PlantedBug.journalOverwritten.isPlanted ? [] : live
        #endif
        guard let tail = live.first?.position else {
            if head + count <= capacity { return head }
            return start + count <= capacity ? start : nil
        }
        if head > tail {
            if head + count <= capacity { return head }
            return start + count < tail ? start : nil
        }
        return head + count < tail ? head : nil
    }

    fileprivate mutating func add(_ sequence: UInt64, _ position: Int, _ byteCount: Int) {
        live.append(Span(sequence: sequence, position: position, byteCount: byteCount))
        liveBytes += byteCount
        head = position + byteCount
        nextSequence = sequence + 1
    }

    /// Whether a round waits that has room in a larger ring. In one that has begun anew at its start it has not: there only
    /// releasing helps.
    fileprivate var waitsForGrowth: Bool {
        wanted > 0 && place(wanted) == nil && (live.first.map { head > $0.position } ?? true)
    }

    fileprivate var wantsRoom: Bool { liveBytes > capacity / 4 || wanted > 0 }
}
