internal import Glibc

/// The bytes of a simulated file, in pages that copies of it share until one of them is written to: a disk is copied
/// for each crash, and what is durable is kept beside what programs see.
struct SimulatedPages {
    static let pageSize = 4096
    /// What a disk writes as a whole.
    static let sectorSize = 512

    /// nil: a page of zeros.
    private(set) var pages: [Page?] = []
    private(set) var count = 0

    final class Page {
        let bytes: UnsafeMutableRawPointer

        init(copying other: Page?) {
            bytes = .allocate(byteCount: pageSize, alignment: 16)
            if let other { memcpy(bytes, other.bytes, pageSize) } else { memset(bytes, 0, pageSize) }
        }

        deinit { bytes.deallocate() }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at position: Int) -> Int {
        guard let start = buffer.baseAddress, position >= 0, position < count else { return 0 }
        let wanted = min(buffer.count, count - position)
        var done = 0
        while done < wanted {
            let (index, offset) = (position + done).quotientAndRemainder(dividingBy: Self.pageSize)
            let part = min(wanted - done, Self.pageSize - offset)
            if let page = pages[index] {
                memcpy(start + done, page.bytes + offset, part)
            } else {
                memset(start + done, 0, part)
            }
            done += part
        }
        return wanted
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer, at position: Int) {
        guard let start = bytes.baseAddress, bytes.count > 0 else { return }
        grow(to: position + bytes.count)
        var done = 0
        while done < bytes.count {
            let (index, offset) = (position + done).quotientAndRemainder(dividingBy: Self.pageSize)
            let part = min(bytes.count - done, Self.pageSize - offset)
            if part == Self.pageSize, isZero(start + done, part) {
                pages[index] = nil
            } else {
                memcpy(writable(index) + offset, start + done, part)
            }
            done += part
        }
    }

    /// Takes another's bytes in a part of a page, as far as both have them.
    mutating func copy(from other: SimulatedPages, _ range: Range<Int>) {
        let range = range.clamped(to: 0..<min(count, other.count))
        guard !range.isEmpty else { return }
        let index = range.lowerBound / Self.pageSize
        let offset = range.lowerBound - index * Self.pageSize
        let target = writable(index)
        if let page = other.pages[index] {
            memcpy(target + offset, page.bytes + offset, range.count)
        } else {
            memset(target + offset, 0, range.count)
        }
    }

    /// Takes another's whole page.
    mutating func share(_ index: Int, of other: SimulatedPages?) {
        pages[index] = other.flatMap { index < $0.pages.count ? $0.pages[index] : nil }
    }

    mutating func resize(to size: Int) {
        guard size < count else { return grow(to: size) }
        pages.removeLast(pages.count - Self.pageCount(size))
        count = size
        let offset = size % Self.pageSize
        // A file that grows again has zeros there.
        if offset > 0, pages[pages.count - 1] != nil {
            memset(writable(pages.count - 1) + offset, 0, Self.pageSize - offset)
        }
    }

    private mutating func grow(to size: Int) {
        guard size > count else { return }
        let missing = Self.pageCount(size) - pages.count
        if missing > 0 { pages.append(contentsOf: repeatElement(nil, count: missing)) }
        count = size
    }

    mutating func flip(bit: Int, at position: Int) {
        let bytes = writable(position / Self.pageSize).assumingMemoryBound(to: UInt8.self)
        bytes[position % Self.pageSize] ^= 1 << UInt8(bit & 7)
    }

    /// Whether both have the very same page: two that are equal by chance count as different.
    func shares(_ index: Int, with other: SimulatedPages) -> Bool {
        index < pages.count && index < other.pages.count && pages[index] === other.pages[index]
    }

    /// The same of all bytes.
    func shares(with other: SimulatedPages) -> Bool {
        count == other.count && pages.indices.allSatisfy { pages[$0] === other.pages[$0] }
    }

    var array: [UInt8] {
        // Else the standard library writes a count of 0 to the empty array that all threads share.
        if count == 0 { return [] }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = read(into: UnsafeMutableRawBufferPointer(buffer), at: 0)
        }
    }

    private mutating func writable(_ index: Int) -> UnsafeMutableRawPointer {
        if pages[index] == nil || !isKnownUniquelyReferenced(&pages[index]) {
            pages[index] = Page(copying: pages[index])
        }
        // There is one now.
        return pages[index].unsafelyUnwrapped.bytes
    }

    private static func pageCount(_ size: Int) -> Int { (size + pageSize - 1) / pageSize }
}

private func isZero(_ start: UnsafeRawPointer, _ count: Int) -> Bool {
    // The first byte is zero, and each other is as the one before it.
    start.load(as: UInt8.self) == 0 && memcmp(start, start + 1, count - 1) == 0
}
