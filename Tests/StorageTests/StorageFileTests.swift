import Foundation
import TestSupport
import Testing

@testable import Storage

@Suite("Open files")
struct StorageFileTests {
    let directory = TemporaryDirectory()

    private func open(_ name: String = "file") throws -> any StorageFile {
        try PosixFileSystem().open("\(directory.path)/\(name)", .create)
    }

    private func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
        var random = SeededRandom(seed: seed)
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    /// Writes pieces of `bytes`, of these sizes, by one call.
    private func write(_ bytes: [UInt8], sizes: [Int], to file: any StorageFile, at position: Int) throws {
        try bytes.withUnsafeBytes { bytes in
            var start = 0
            let parts = sizes.map { size in
                defer { start += size }
                return UnsafeRawBufferPointer(rebasing: bytes[start..<start + size])
            }
            try parts.withUnsafeBufferPointer { try file.write(parts: $0, at: position) }
        }
    }

    @Test("reads and writes name their position, in any order; what was never written is zero")
    func positions() throws {
        let file = try open()
        try file.write([5, 6], at: 10)
        try file.write([1, 2], at: 3)
        try file.write([], at: 100)
        #expect(try file.size() == 12)
        #expect(try file.read(upTo: 12, at: 0) == [0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 5, 6])
        #expect(try file.read(upTo: 2, at: 10) == [5, 6])
    }

    @Test("a read is short at the end of the file, and nowhere else")
    func shortReads() throws {
        let file = try open()
        let content = noise(100_000)
        try file.write(content, at: 0)
        #expect(try file.read(upTo: 200_000, at: 0) == content)
        #expect(try file.read(upTo: 100, at: 99_990) == Array(content[99_990...]))
        #expect(try file.read(upTo: 100, at: 100_000) == [])
        #expect(try file.read(upTo: 100, at: 1 << 40) == [])
        #expect(try file.read(upTo: 0, at: 0) == [])
        #expect(throws: FileError.self) { try file.read(upTo: 1, at: -1) }
    }

    /// 1,024 is the most that the system takes in one call.
    @Test("parts are written one after the other, however many", arguments: [0, 1, 2, 1023, 1024, 1025, 2048, 5000])
    func parts(count: Int) throws {
        let file = try open()
        let sizes = (0..<count).map { [0, 1, 7, 100, 0, 33][$0 % 6] }
        let content = noise(sizes.reduce(0, +), seed: UInt64(count) + 1)
        try file.write([9, 9, 9], at: 0)
        try write(content, sizes: sizes, to: file, at: 3)
        #expect(try file.size() == 3 + content.count)
        #expect(try file.read(upTo: content.count + 10, at: 0) == [9, 9, 9] + content)
    }

    @Test("parts of no bytes, with or without an address, write nothing")
    func emptyParts() throws {
        let file = try open()
        let empty = [UnsafeRawBufferPointer](repeating: UnsafeRawBufferPointer(start: nil, count: 0), count: 1500)
        try empty.withUnsafeBufferPointer { try file.write(parts: $0, at: 10) }
        try empty[..<1].withUnsafeBufferPointer { try file.write(parts: $0, at: 10) }
        #expect(try file.size() == 0)
    }

    @Test("large parts are written whole")
    func largeParts() throws {
        let file = try open()
        let content = noise(1 << 20)
        let sizes = [400_000, 0, 600_000, content.count - 1_000_000]
        for round in 0..<3 { try write(content, sizes: sizes, to: file, at: round << 20) }
        for round in 0..<3 { #expect(try file.read(upTo: 1 << 20, at: round << 20) == content) }
    }

    @Test("a write that is refused throws, in parts too")
    func refused() throws {
        try directory.write([1, 2, 3], to: "file")
        let file = try PosixFileSystem().open("\(directory.path)/file", .read)
        #expect(throws: FileError.self) { try write([1, 2], sizes: [1, 1], to: file, at: 0) }
        #expect(throws: FileError.self) { try write([1, 2], sizes: [2], to: file, at: 0) }
        #expect(try directory.contents(of: "file") == [1, 2, 3])
    }

    @Test("a file is cut and made longer")
    func truncate() throws {
        let file = try open()
        try file.write([1, 2, 3, 4], at: 0)
        try file.truncate(to: 2)
        #expect(try file.read(upTo: 10, at: 0) == [1, 2])
        try file.truncate(to: 4)
        #expect(try file.read(upTo: 10, at: 0) == [1, 2, 0, 0])
        try file.truncate(to: 0)
        #expect(try file.size() == 0)
        #expect(throws: FileError.self) { try file.truncate(to: -1) }
        try file.synchronize()
    }

    @Test("a file that was removed, or renamed over, stays what it was for those who have it open")
    func unlinked() throws {
        let file = try open()
        try file.write([1, 2, 3], at: 0)
        try PosixFileSystem().remove(file.path)
        #expect(try file.read(upTo: 3, at: 0) == [1, 2, 3])
        try file.write([4], at: 3)
        #expect(try file.size() == 4)
        let other = try open()
        #expect(try other.size() == 0)
    }

    @Test("descriptors are closed with their files")
    func closed() throws {
        func count() throws -> Int { try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count }
        try open().write([1], at: 0)
        // Other tests open files meanwhile, but not this many.
        let before = try count()
        for _ in 0..<2000 { _ = try open().size() }
        #expect(try count() < before + 1000)
    }

    // MARK: Mappings

    /// The bytes are there as long as the mapping is.
    private func copy(_ mapping: MappedFile) -> [UInt8] { withExtendedLifetime(mapping) { Array(mapping.bytes) } }

    @Test("a mapping shows the file's bytes, as many as were asked for")
    func mapping() throws {
        let file = try open()
        let content = noise(10_000)
        try file.write(content, at: 0)
        for count in [1, 4096, 9999, 10_000] {
            #expect(copy(try file.map(count: count)) == Array(content[..<count]))
        }
        let nothing = try file.map(count: 0)
        #expect(nothing.count == 0 && nothing.bytes.isEmpty)
    }

    @Test("more than the file has cannot be mapped: reading there would kill the process")
    func mappingPastTheEnd() throws {
        let file = try open()
        try file.write([1, 2, 3], at: 0)
        let error = #expect(throws: FileError(.map, file.path, code: 0)) { try file.map(count: 4) }
        #expect(error?.description == "cannot map \(file.path): the file ended early")
    }

    @Test("a mapping stays readable when the file is removed and closed")
    func mappingSurvives() throws {
        let content = noise(100_000)
        let mapping: MappedFile
        do {
            let file = try open()
            try file.write(content, at: 0)
            mapping = try file.map(count: content.count)
            try PosixFileSystem().remove(file.path)
        }
        // Another file takes the name.
        try open().write([0, 0, 0], at: 0)
        #expect(copy(mapping) == content)
    }

    @Test("a mapped file that somebody cuts reads as zeros from there on and says so; the process goes on")
    func mappingOfACutFile() throws {
        let file = try open()
        let content = noise(5 * 4096 + 100)
        try file.write(content, at: 0)
        let (whole, cut) = (try file.map(count: content.count), try file.map(count: content.count))
        #expect(copy(whole) == content && !whole.isLost)
        try whole.check()
        try file.truncate(to: 2 * 4096)
        // What lies before the cut is there, and nothing is lost by reading it.
        #expect(Array(cut.bytes[..<8192]) == Array(content[..<8192]) && !cut.isLost)
        #expect(copy(cut) == Array(content[..<8192]) + Array(repeating: 0, count: content.count - 8192))
        #expect(cut.isLost)
        #expect(throws: FileError(.read, file.path, code: EIO)) { try cut.check() }
        // Nobody has read there of the other one.
        #expect(!whole.isLost)
        // The file's bytes do not come back to a mapping that is lost; a new one has them.
        try file.write(content, at: 0)
        #expect(cut.bytes[3 * 4096] == 0 && cut.isLost)
        #expect(copy(try file.map(count: content.count)) == content)
    }

    @Test(
        "many threads meet the cut of a file that each of them has mapped, beside ones that are mapped and given back")
    func mappingsOfACutFileByManyThreads() async throws {
        let file = try open()
        let content = noise(64 * 4096)
        try file.write(content, at: 0)
        let shared = try file.map(count: content.count)
        let lost = await withTaskGroup(of: Int.self) { group in
            for i in 0..<8 {
                group.addTask {
                    var lostCount = 0
                    for round in 0..<200 {
                        guard let own = try? file.map(count: 4096) else { continue }
                        if round == 100, i == 0 { try? file.truncate(to: 4096) }
                        var sum = 0
                        for page in 0..<64 { sum &+= Int(shared.bytes[(page + i * 8) % 64 * 4096]) }
                        #expect(sum >= 0 && own.bytes[0] == content[0])
                        if shared.isLost { lostCount += 1 }
                    }
                    return lostCount
                }
            }
            return await group.reduce(0, +)
        }
        #expect(lost > 0 && shared.isLost)
    }

    @Test("a mapping is released once, with the last reference")
    func mappingIsReleased() throws {
        let released = Monitor([Int]())
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 8, alignment: 8)
        var mapping: MappedFile? = MappedFile(start: memory, count: 8, path: "memory") { start, count in
            released.withLock { $0.append(count) }
            start.deallocate()
        }
        var second = mapping
        mapping = nil
        #expect(released.withLock { $0 } == [])
        #expect(second?.count == 8)
        second = nil
        #expect(released.withLock { $0 } == [8])
        // Nothing to release.
        _ = MappedFile(start: nil, count: 0, path: "memory") { _, count in released.withLock { $0.append(count) } }
        #expect(released.withLock { $0 } == [8])
    }
}
