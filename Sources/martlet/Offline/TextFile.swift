import Glibc
import Storage

/// All of a small file; `-`: standard input.
func readTextFile(_ path: String, byteCountMax: Int) throws -> [UInt8] {
    let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Failure("cannot read \(path): \(String(cString: strerror(errno)))") }
    defer { if path != "-" { close(descriptor) } }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
        let count = read(descriptor, &buffer, buffer.count)
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw Failure("cannot read \(path): \(String(cString: strerror(errno)))") }
        if count == 0 { return bytes }
        bytes.append(contentsOf: buffer[..<count])
        guard bytes.count <= byteCountMax else {
            throw Failure("\(path) has more than \(byteCountMax.asBytes): it is no file of offsets")
        }
    }
}

/// Writes a file as a whole: who reads it meanwhile sees the old one or the new one.
func writeTextFile(_ bytes: [UInt8], to path: String) throws {
    func fail() -> Failure { Failure("cannot write \(path): \(String(cString: strerror(errno)))") }
    let temporary = path + ".part"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw fail() }
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else {
            let error = fail()
            close(descriptor)
            unlink(temporary)
            throw error
        }
        rest = rest.dropFirst(count)
    }
    guard fsync(descriptor) == 0, close(descriptor) == 0, rename(temporary, path) == 0 else {
        let error = fail()
        unlink(temporary)
        throw error
    }
}
