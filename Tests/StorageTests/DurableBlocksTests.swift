import Foundation
import Glibc
import TestSupport
import Testing

@testable import Storage

@Suite("Durable blocks")
struct DurableBlocksTests {
    /// Two blocks in memory that is aligned as direct writes must be.
    private func withBlocks<R>(_ fill: UInt8, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: 2 * StorageAlignment.block, alignment: StorageAlignment.block)
        defer { memory.deallocate() }
        for i in 0..<memory.count { memory[i] = fill &+ UInt8(truncatingIfNeeded: i) }
        return try body(UnsafeRawBufferPointer(memory))
    }

    private func blocks(_ fill: UInt8) -> [UInt8] { withBlocks(fill) { Array($0) } }

    /// Writes, overwrites and appends blocks, and reads all of them back through the page cache.
    private func exercise(_ file: any StorageFile) throws {
        try withBlocks(1) { try file.write($0, at: 0) }
        try withBlocks(2) { try file.write($0, at: 2 * StorageAlignment.block) }
        try withBlocks(3) { blocks in
            let parts = [
                UnsafeRawBufferPointer(rebasing: blocks[..<StorageAlignment.block]),
                UnsafeRawBufferPointer(rebasing: blocks[StorageAlignment.block...]),
            ]
            try parts.withUnsafeBufferPointer { try file.write(parts: $0, at: StorageAlignment.block) }
        }
        try withBlocks(4) { try file.write($0, at: 4 * StorageAlignment.block) }
        let half = StorageAlignment.block
        let expected = blocks(1)[..<half] + blocks(3) + blocks(2)[half...] + blocks(4)
        let reader = try PosixFileSystem().open(file.path, .read)
        #expect(try reader.read(upTo: 1 << 20, at: 0) == Array(expected))
    }

    private func exercise(in directory: TemporaryDirectory) throws {
        let path = "\(directory.path)/blocks"
        try directory.write([], to: "blocks")
        try exercise(PosixFileSystem().open(path, .durableBlocks))
        // It must exist: a journal is made elsewhere.
        #expect(throws: FileError(.open, path + "-none", code: ENOENT)) {
            try PosixFileSystem().open(path + "-none", .durableBlocks)
        }
    }

    @Test("blocks are written where temporary files are")
    func temporary() throws { try exercise(in: TemporaryDirectory()) }

    /// Under the sources, which lie on a real disk even where temporary files are in memory.
    static let buildDirectory = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: ".build").path
    static let tmpfs = "/dev/shm"

    @Test("blocks are written on the disk that the build is on, past its page cache")
    func disk() throws {
        let directory = TemporaryDirectory(in: Self.buildDirectory)
        try exercise(in: directory)
        let file = try PosixFileSystem().open("\(directory.path)/blocks", .durableBlocks)
        let flags = fcntl(try #require(file.descriptor), F_GETFL)
        #expect(flags & O_DSYNC == O_DSYNC)
        // O_DIRECT, where the file system takes it, wants whole blocks.
        if isDirect(flags) {
            #expect(throws: FileError(.write, file.path, code: EINVAL)) { try file.write([1, 2, 3], at: 1) }
        }
    }

    private func isDirect(_ flags: Int32) -> Bool {
        #if arch(arm64)
        flags & 0o200000 != 0
        #else
        flags & 0o40000 != 0
        #endif
    }

    @Test(
        "blocks are written in memory, on tmpfs",
        .enabled(if: FileManager.default.isWritableFile(atPath: tmpfs), "this machine has no /dev/shm to write to"))
    func memory() throws { try exercise(in: TemporaryDirectory(in: Self.tmpfs)) }

    @Test("where a file system knows no direct writes, each write is synchronised, of any size")
    func synchronized() throws {
        let directory = TemporaryDirectory()
        try directory.write([], to: "blocks")
        let path = "\(directory.path)/blocks"
        let descriptor = Glibc.open(path, O_RDWR)
        let file = PosixFile(descriptor, path, synchronizesEachWrite: true)
        try exercise(file)
        try file.write([1, 2, 3], at: 1)
        #expect(try file.read(upTo: 3, at: 1) == [1, 2, 3])
        // A descriptor that cannot be synchronised makes the write fail: it is not durable.
        let (reading, writing) = try pipe()
        defer { close(reading) }
        let unsynchronizable = PosixFile(writing, "pipe", synchronizesEachWrite: true)
        #expect(throws: FileError.self) { try unsynchronizable.write([1], at: 0) }
    }

    private func pipe() throws -> (Int32, Int32) {
        var ends: [Int32] = [0, 0]
        try #require(Glibc.pipe(&ends) == 0)
        return (ends[0], ends[1])
    }
}
