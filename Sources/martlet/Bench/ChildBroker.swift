import Glibc
import Storage

/// `martlet serve` as a process of its own, started and stopped here.
struct ChildBroker {
    let process: pid_t
    /// As `HOST:PORT`.
    let address: String
    /// From the start of the process until it said that it is there.
    let startUp: Duration
    private let output: Int32

    /// The program that runs now.
    static var thisProgram: String { ListenerSearch.link("/proc/self/exe") ?? "/proc/self/exe" }

    /// - Parameters:
    ///   - settings: as of `--set`.
    ///   - arguments: further ones.
    init(_ program: String, data: String, settings: [String] = [], arguments: [String] = []) throws {
        var words = [program, "serve", "--data", data, "--listen", "127.0.0.1:0", "--log-level", "warning"]
        words += settings.flatMap { ["--set", $0] } + arguments
        let start = ContinuousClock.now
        let (process, output) = try Self.spawn(words)
        do {
            let line = try Self.firstLine(output)
            startUp = ContinuousClock.now - start
            guard let address = Self.address(in: line) else {
                throw Failure("\(program) serve said '\(line)', not where it listens: is it martlet?")
            }
            (self.process, self.output, self.address) = (process, output, address)
        } catch {
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
            close(output)
            throw error
        }
    }

    /// `martlet 0.1.0 listens on 127.0.0.1:40123, data in …`
    static func address(in line: String) -> String? {
        guard let range = line.firstRange(of: " listens on ") else { return nil }
        let rest = line[range.upperBound...]
        let address = rest.prefix { $0 != "," && !$0.isWhitespace }
        return address.contains(":") ? String(address) : nil
    }

    /// Asks it to stop, and waits until it has: everything is durable then.
    func stop() {
        kill(process, SIGTERM)
        // Half a minute, then it has to.
        for _ in 0..<3000 where waitpid(process, nil, WNOHANG) == 0 { usleep(10_000) }
        kill(process, SIGKILL)
        waitpid(process, nil, 0)
        close(output)
    }

    /// Ends it without a warning, as a crash would.
    func crash() {
        kill(process, SIGKILL)
        waitpid(process, nil, 0)
        close(output)
    }

    private static func spawn(_ words: [String]) throws -> (pid_t, Int32) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw failure(words[0], errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        // Of a group of its own: Ctrl-C is for the command alone, which stops the broker then.
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
            close(ends[1])
        }
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process = pid_t()
        let code = posix_spawn(&process, words[0], &actions, &attributes, &arguments, environ)
        guard code == 0 else {
            close(ends[0])
            throw failure(words[0], code)
        }
        return (process, ends[0])
    }

    private static func failure(_ program: String, _ code: Int32) -> Failure {
        Failure("cannot start \(program): \(String(cString: strerror(code))): give the program by --martlet")
    }

    private static func firstLine(_ output: Int32) throws -> String {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while line.count < 4096 {
            let count = read(output, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1 else { throw Failure("the broker did not start: its reason stands above") }
            if byte == UInt8(ascii: "\n") { break }
            line.append(byte)
        }
        return String(decoding: line, as: UTF8.self)
    }
}

/// A directory for the time of a command, which removes it.
struct WorkDirectory {
    let path: String

    /// - Parameter parent: nil: $TMPDIR, else /var/tmp, which is on a disk where /tmp may be in memory.
    init(in parent: String?) throws {
        let parent = parent ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/var/tmp"
        var template = Array("\(parent)/martlet-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            let reason = String(cString: strerror(errno))
            throw Failure("cannot make a directory in \(parent): \(reason): name another by --work-directory")
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// With all that is in it.
    func remove() { Self.remove(path) }

    private static func remove(_ path: String) {
        let files = PosixFileSystem()
        for name in (try? files.list(path)) ?? [] {
            let file = path + "/" + name
            if (try? files.list(file)) != nil { remove(file) } else { try? files.remove(file) }
        }
        rmdir(path)
    }
}
