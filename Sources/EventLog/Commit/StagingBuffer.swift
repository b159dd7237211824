internal import Glibc
internal import Storage

/// Where batches gather for one round: the very bytes that go to the journal in one write, and from which each
/// segment is written. A batch is copied once, into here.
final class StagingBuffer: @unchecked Sendable {
    // Unchecked: filled under the gathering lock, then read by the one thread that commits.

    /// Bytes in all: a round's header, payload and footer. Only what is used takes memory.
    static let capacity = 20 << 20
    private let capacity: Int
    /// What is no larger comes from the heap: where a log is opened many times a second, mapping costs more.
    private static let allocatedMax = 256 << 10
    private var isMapped: Bool { capacity > Self.allocatedMax }
    /// When a round holds this much it is full, unless a single larger batch is all there is.
    private let payloadTarget: Int

    let bytes: UnsafeMutableRawBufferPointer
    // Exclusive by the same rule; looking it up at each access would cost more than copying a small batch.
    @exclusivity(unchecked) private(set) var payloadCount = 0
    @exclusivity(unchecked) private(set) var slices: [Slice] = []
    @exclusivity(unchecked) private(set) var groups: [Group] = []

    /// One batch.
    struct Slice {
        /// In the payload.
        var start: Int32
        var count: Int32
        /// The partition's next batch in this round; -1: none.
        var next: Int32
        var recordCount: Int32
        var baseOffset: Int64
        var lastOffset: Int64
        var maxTimestamp: Int64
    }

    /// What one partition has in the round.
    struct Group {
        var partition: Partition
        /// Of the partition: it writes none of an era that has ended.
        var era: UInt64
        var first: Int32
        var last: Int32
    }

    init(payloadTarget: Int, capacity: Int = StagingBuffer.capacity) {
        self.payloadTarget = min(payloadTarget, capacity)
        self.capacity = capacity
        guard capacity > Self.allocatedMax else {
            bytes = .allocate(byteCount: capacity, alignment: StorageAlignment.block)
            return
        }
        // Mapped, not allocated: untouched pages cost nothing, and idle ones are given back.
        let start = mmap(nil, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let start, start != MAP_FAILED else {
            preconditionFailure("the system refused \(capacity) bytes of address space")
        }
        bytes = UnsafeMutableRawBufferPointer(start: start, count: capacity)
    }

    deinit {
        if isMapped { munmap(bytes.baseAddress, bytes.count) } else { bytes.deallocate() }
    }

    var isEmpty: Bool { slices.isEmpty }

    /// Whether a batch of `count` bytes still fits.
    func hasRoom(for count: Int) -> Bool {
        if isEmpty { return RoundLayout.headerSize + count + footerReserve(1) <= capacity }
        return payloadCount + count <= payloadTarget
            && RoundLayout.headerSize + payloadCount + count + footerReserve(slices.count + 1) <= capacity
    }

    /// What the round's bytes in the journal come to at most.
    var roundBytesMax: Int {
        StorageAlignment.roundUp(RoundLayout.headerSize + payloadCount + footerReserve(slices.count))
    }

    /// At worst each batch is an entry of its own; and padding.
    private func footerReserve(_ sliceCount: Int) -> Int {
        sliceCount * (RoundEntryLayout.size + RoundEntryLayout.runSize) + 2 * StorageAlignment.block
    }

    /// Copies a batch in and returns its place in the payload. `group` is the partition's in this round, if it has one.
    func add(
        _ batch: UnsafeRawBufferPointer, _ slice: Slice, of partition: Partition, era: UInt64, group: inout Int
    ) -> UnsafeMutableRawBufferPointer {
        let start = payloadCount
        let place = UnsafeMutableRawBufferPointer(
            rebasing: bytes[RoundLayout.headerSize + start..<RoundLayout.headerSize + start + batch.count])
        place.copyMemory(from: batch)
        payloadCount += batch.count
        let index = Int32(truncatingIfNeeded: slices.count)
        var slice = slice
        slice.start = Int32(truncatingIfNeeded: start)
        slice.count = Int32(truncatingIfNeeded: batch.count)
        slice.next = -1
        slices.append(slice)
        if group < 0 {
            group = groups.count
            groups.append(Group(partition: partition, era: era, first: index, last: index))
        } else {
            slices[Int(groups[group].last)].next = index
            groups[group].last = index
        }
        return place
    }

    /// A slice's bytes.
    func bytes(of slice: Slice) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(bytes).part(RoundLayout.headerSize + Int(slice.start), Int(slice.count))
    }

    func reset() {
        payloadCount = 0
        slices.removeAll(keepingCapacity: true)
        groups.removeAll(keepingCapacity: true)
    }

    /// Gives the memory back, not the addresses.
    func releaseMemory() {
        if isMapped { madvise(bytes.baseAddress, bytes.count, MADV_DONTNEED) }
    }
}
