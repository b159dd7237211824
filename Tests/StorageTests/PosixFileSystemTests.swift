import Glibc
import TestSupport
import Testing

@testable import Storage

@Suite("The file system of the machine")
struct PosixFileSystemTests {
    let directory = TemporaryDirectory()
    let fileSystem = PosixFileSystem()

    private func path(_ name: String) -> String { "\(directory.path)/\(name)" }

    @Test(
        "a missing file is an error that says what was tried, where and why",
        arguments: [OpenMode.read, .update, .durableBlocks])
    func missing(mode: OpenMode) {
        let error = #expect(throws: FileError(.open, path("none"), code: ENOENT)) {
            try fileSystem.open(path("none"), mode)
        }
        #expect(error?.isMissing == true && error?.isDiskFull == false && error?.isLocked == false)
        #expect(error?.description == "cannot open \(path("none")): No such file or directory")
        #expect(!fileSystem.exists(path("none")))
    }

    @Test("a file system tells its size, and how much of it is left")
    func space() throws {
        let space = try fileSystem.space(at: directory.path)
        #expect(space.total > space.usable && space.usable > 0)
        #expect(throws: FileError(.size, path("none"), code: ENOENT)) { _ = try fileSystem.space(at: path("none")) }
    }

    @Test("an absolute path begins at the root and has no links; one that is not there stays as it is")
    func absolutePath() throws {
        try fileSystem.createDirectory(path("real"))
        #expect(symlink("real", path("link")) == 0)
        let real = fileSystem.absolutePath(path("link"))
        #expect(real.hasPrefix("/") && real.hasSuffix("/real"))
        #expect(fileSystem.absolutePath(".").hasPrefix("/"))
        #expect(fileSystem.absolutePath("none/there") == "none/there")
    }

    @Test("create makes the file, and leaves one that is there as it is")
    func create() throws {
        let made = try fileSystem.open(path("file"), .create)
        #expect(try made.size() == 0)
        try made.write([1, 2, 3], at: 0)
        #expect(try fileSystem.open(path("file"), .create).read(upTo: 10, at: 0) == [1, 2, 3])
        #expect(fileSystem.exists(path("file")))
        #expect(made.path == path("file"))
        #expect(try #require(made.descriptor) >= 0)
        // The directory above must be there.
        #expect(throws: FileError(.open, path("none/file"), code: ENOENT)) {
            try fileSystem.open(path("none/file"), .create)
        }
    }

    @Test("a file that is opened for reading cannot be written, one for update can be both")
    func modes() throws {
        try directory.write([1, 2, 3], to: "file")
        let reader = try fileSystem.open(path("file"), .read)
        #expect(throws: FileError(.write, path("file"), code: EBADF)) { try reader.write([9], at: 0) }
        #expect(throws: FileError.self) { try reader.truncate(to: 0) }
        let updater = try fileSystem.open(path("file"), .update)
        try updater.write([9], at: 1)
        #expect(try updater.read(upTo: 3, at: 0) == [1, 9, 3])
        #expect(try reader.read(upTo: 3, at: 0) == [1, 9, 3])
    }

    @Test("a directory is no file to write to")
    func directoryAsFile() throws {
        #expect(throws: FileError(.open, directory.path, code: EISDIR)) {
            try fileSystem.open(directory.path, .update)
        }
        let opened = try fileSystem.open(directory.path, .read)
        #expect(throws: FileError(.read, directory.path, code: EISDIR)) { try opened.read(upTo: 1, at: 0) }
    }

    @Test("directories are made with those above them, and again without an error")
    func createDirectory() throws {
        try fileSystem.createDirectory(path("a/b/c/d"))
        try fileSystem.createDirectory(path("a/b/c/d"))
        #expect(fileSystem.exists(path("a/b/c/d")))
        try directory.write([], to: "file")
        #expect(throws: FileError(.create, path("file/below"), code: ENOTDIR)) {
            try fileSystem.createDirectory(path("file/below"))
        }
    }

    @Test("a list has every name, also those of many files")
    func list() throws {
        #expect(try fileSystem.list(directory.path) == [])
        let names = (0..<300).map { "name \($0) größer" } + [".hidden", "...", String(repeating: "n", count: 255)]
        for name in names { try directory.write([], to: name) }
        try fileSystem.createDirectory(path("directory"))
        #expect(try fileSystem.list(directory.path).sorted() == (names + ["directory"]).sorted())
        #expect(throws: FileError(.list, path("none"), code: ENOENT)) { try fileSystem.list(path("none")) }
        #expect(throws: FileError(.list, path("..."), code: ENOTDIR)) { try fileSystem.list(path("...")) }
    }

    @Test("a file is removed once")
    func remove() throws {
        try directory.write([1], to: "file")
        try fileSystem.remove(path("file"))
        #expect(!fileSystem.exists(path("file")))
        #expect(throws: FileError(.remove, path("file"), code: ENOENT)) { try fileSystem.remove(path("file")) }
    }

    @Test("a directory goes with the files in it, but not with directories in it")
    func removeDirectory() throws {
        try fileSystem.createDirectory(path("a/b"))
        for i in 0..<20 { try directory.write([1], to: "a/b/\(i)") }
        #expect(throws: FileError.self) { try fileSystem.removeDirectory(path("a")) }
        #expect(try directory.names(in: "a/b").count == 20)
        try fileSystem.removeDirectory(path("a/b"))
        #expect(try directory.names(in: "a") == [])
        #expect(throws: FileError(.list, path("a/b"), code: ENOENT)) { try fileSystem.removeDirectory(path("a/b")) }
    }

    @Test("renaming puts one file in the place of another")
    func rename() throws {
        try directory.write([1], to: "old")
        try directory.write([2], to: "new")
        try fileSystem.rename(path("old"), to: path("new"))
        #expect(try directory.names() == ["new"])
        #expect(try fileSystem.contents(of: path("new")) == [1])
        #expect(throws: FileError(.rename, path("old"), code: ENOENT)) {
            try fileSystem.rename(path("old"), to: path("new"))
        }
    }

    @Test("directories and whole file systems are made durable by their path")
    func synchronize() throws {
        try fileSystem.synchronizeDirectory(directory.path)
        try fileSystem.synchronizeAll(directory.path)
        #expect(throws: FileError(.open, path("none"), code: ENOENT)) {
            try fileSystem.synchronizeDirectory(path("none"))
        }
        try directory.write([], to: "file")
        #expect(throws: FileError(.open, path("file"), code: ENOTDIR)) {
            try fileSystem.synchronizeDirectory(path("file"))
        }
        #expect(throws: FileError(.open, path("none"), code: ENOENT)) { try fileSystem.synchronizeAll(path("none")) }
    }

    @Test("errors know what they mean")
    func errors() {
        #expect(FileError(.write, "f", code: ENOSPC).isDiskFull && FileError(.write, "f", code: EDQUOT).isDiskFull)
        #expect(FileError(.read, "f", code: 0).description == "cannot read f: the file ended early")
        // Only a lock can be held by someone else.
        #expect(!FileError(.read, "f", code: EWOULDBLOCK).isLocked)
        #expect(StorageAlignment.roundUp(0) == 0 && StorageAlignment.roundUp(1) == 4096)
        #expect(StorageAlignment.roundUp(4096) == 4096 && StorageAlignment.roundUp(4097) == 8192)
    }
}
