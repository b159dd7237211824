/// Memory that grows and is kept.
struct GrowingBuffer: ~Copyable {
    private(set) var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    /// Bytes in use.
    var count = 0

    init() {}

    deinit { memory.deallocate() }

    /// The memory's start; `reserve` comes first.
    @inline(__always)
    var start: UnsafeMutableRawPointer { memory.baseAddress.unsafelyUnwrapped }
    @inline(__always)
    var end: UnsafeMutableRawPointer { start + count }

    func part(from position: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: start + position, count: count - position)
    }

    @inline(__always)
    mutating func reserve(_ size: Int) {
        if size > memory.count { grow(to: size) }
    }

    @inline(__always)
    mutating func add(_ bytes: UnsafeRawPointer, count added: Int) {
        guard added > 0 else { return }
        reserve(count + added)
        end.copyMemory(from: bytes, byteCount: added)
        count += added
    }

    private mutating func grow(to size: Int) {
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: max(size, memory.count * 2, 4096), alignment: 16)
        if let start = memory.baseAddress { larger.baseAddress?.copyMemory(from: start, byteCount: count) }
        memory.deallocate()
        memory = larger
    }

    /// Leaves room for a header and puts `bytes` after it, compressed. False: that would not have been smaller, or more
    /// than is decompressed again unless a reader asks for it.
    mutating func setCompressed(
        _ bytes: UnsafeRawBufferPointer, after header: Int, by compressor: borrowing LZ4FrameCompressor
    ) -> Bool {
        guard bytes.count <= DecompressionBuffer.defaultLimit else { return false }
        reserve(header + LZ4Frame.bound(bytes.count))
        let place = UnsafeMutableRawBufferPointer(rebasing: memory[header...])
        guard let size = compressor.compress(bytes, into: place), size < bytes.count else { return false }
        count = header + size
        return true
    }
}
