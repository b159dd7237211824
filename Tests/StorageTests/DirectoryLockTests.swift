import Foundation
import Storage
import TestSupport
import Testing

@Suite("The lock of a directory")
struct DirectoryLockTests {
    let directory = TemporaryDirectory()
    private var path: String { "\(directory.path)/lock" }

    @Test("someone else in this process does not get it, until it is given back")
    func sameProcess() throws {
        var lock: (any FileLock)? = try PosixFileSystem().lock(path)
        for _ in 0..<3 {
            let error = #expect(throws: FileError.self) { try PosixFileSystem().lock(path) }
            #expect(error?.isLocked == true)
            #expect(error?.description == "cannot lock \(path): Resource temporarily unavailable")
        }
        withExtendedLifetime(lock) {}
        lock = nil
        let second = try PosixFileSystem().lock(path)
        withExtendedLifetime(second) {}
    }

    @Test("a process that is being started does not keep the lock, though it has a copy of all descriptors")
    func copiedDescriptor() throws {
        var lock: (any FileLock)? = try PosixFileSystem().lock(path)
        // The descriptor is the lock's own affair: any that is open on this file.
        let status = try FileManager.default.attributesOfItem(atPath: path)
        let file = try #require(status[.systemFileNumber] as? UInt64)
        let descriptor = (0..<1024 as Range<Int32>).first { descriptor in
            var status = stat()
            return fstat(descriptor, &status) == 0 && UInt64(status.st_ino) == file
        }
        let copy = dup(try #require(descriptor))
        defer { close(copy) }
        withExtendedLifetime(lock) {}
        lock = nil
        let second = try PosixFileSystem().lock(path)
        withExtendedLifetime(second) {}
    }

    @Test("the lock of another directory is another lock")
    func otherDirectory() throws {
        let lock = try PosixFileSystem().lock(path)
        let other = TemporaryDirectory()
        let second = try PosixFileSystem().lock("\(other.path)/lock")
        withExtendedLifetime((lock, second)) {}
    }

    @Test("a missing directory is said, and is no lock that someone holds")
    func missing() {
        let error = #expect(throws: FileError.self) { try PosixFileSystem().lock("\(directory.path)/none/lock") }
        #expect(error?.isMissing == true && error?.isLocked == false)
    }

    /// `flock` of util-linux, which every Linux has.
    static let flock = "/usr/bin/flock"
    static let hasFlock = FileManager.default.isExecutableFile(atPath: flock)

    private func process(_ arguments: String...) -> Process {
        let process = Process()
        process.executableURL = URL(filePath: Self.flock)
        process.arguments = arguments
        return process
    }

    @Test(
        "another process does not get it, until it is given back",
        .enabled(if: hasFlock, "this machine has no \(flock)"))
    func otherProcess() throws {
        func status() throws -> Int32 {
            let process = process("--nonblock", "--conflict-exit-code", "42", path, "true")
            try process.run()
            process.waitUntilExit()
            return process.terminationStatus
        }
        var lock: (any FileLock)? = try PosixFileSystem().lock(path)
        #expect(try status() == 42)
        withExtendedLifetime(lock) {}
        lock = nil
        #expect(try status() == 0)
    }

    @Test(
        "while another process has it this one does not get it, and does when that process is gone, killed or not",
        .enabled(if: hasFlock, "this machine has no \(flock)"), arguments: [false, true])
    func heldByOther(isKilled: Bool) throws {
        // The lock belongs to the shell alone, which says when it has it and ends when its input does.
        let holder = process("--no-fork", path, "/bin/sh", "-c", "echo held; read line")
        let (input, output) = (Pipe(), Pipe())
        holder.standardInput = input
        holder.standardOutput = output
        try holder.run()
        #expect(String(decoding: output.fileHandleForReading.availableData, as: UTF8.self) == "held\n")
        let error = #expect(throws: FileError.self) { try PosixFileSystem().lock(path) }
        #expect(error?.isLocked == true)
        if isKilled { kill(holder.processIdentifier, SIGKILL) } else { try input.fileHandleForWriting.close() }
        holder.waitUntilExit()
        let lock = try PosixFileSystem().lock(path)
        withExtendedLifetime(lock) {}
    }
}
