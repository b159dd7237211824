import Glibc
import Storage

/// What a process of this machine has taken so far.
struct ProcessReading: Hashable, Sendable {
    /// Of all its threads, in the kernel and outside it.
    var cpuSeconds: Double
    var residentBytes: Int64
    /// The most that it ever had.
    var peakResidentBytes: Int64

    /// nil: there is no such process.
    init?(of process: pid_t) {
        guard let stat = Self.text("/proc/\(process)/stat"), let status = Self.text("/proc/\(process)/status") else {
            return nil
        }
        self.init(stat: stat, status: status, ticksPerSecond: Double(sysconf(Int32(_SC_CLK_TCK))))
    }

    /// From what /proc says: proc(5).
    init?(stat: String, status: String, ticksPerSecond: Double) {
        // The name before it is in parentheses and may hold anything, parentheses too.
        guard let end = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return nil }
        cpuSeconds = (user + system) / ticksPerSecond
        residentBytes = Self.kilobytes("VmRSS", in: status) ?? 0
        peakResidentBytes = Self.kilobytes("VmHWM", in: status) ?? residentBytes
    }

    private static func kilobytes(_ name: String, in status: String) -> Int64? {
        let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") }
        return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int64($0) }.map { $0 * 1024 }
    }

    static func text(_ path: String) -> String? {
        (try? readTextFile(path, byteCountMax: 64 << 20)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Processor time of this process, in seconds.
    static var own: Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }
}

/// Finds the process of this machine that listens on a port.
enum ListenerSearch {
    /// nil: none of those that this user may look into.
    static func process(port: Int) -> pid_t? {
        let sockets = ["/proc/net/tcp", "/proc/net/tcp6"].compactMap(ProcessReading.text)
            .flatMap { inodes(listeningOn: port, in: $0) }
        guard !sockets.isEmpty else { return nil }
        let wanted = Set(sockets.map { "socket:[\($0)]" })
        let processes = ((try? PosixFileSystem().list("/proc")) ?? []).compactMap { pid_t($0) }
        return processes.first { process in
            let folder = "/proc/\(process)/fd"
            return ((try? PosixFileSystem().list(folder)) ?? []).contains { file in
                link(folder + "/" + file).map(wanted.contains) ?? false
            }
        }
    }

    /// From a table of /proc/net: the sockets that listen on a port.
    static func inodes(listeningOn port: Int, in table: String) -> [String] {
        table.split(separator: "\n").dropFirst().compactMap { line in
            let fields = line.split(separator: " ")
            // 0A: it listens.
            guard fields.count > 9, fields[3] == "0A", let digits = fields[1].split(separator: ":").last,
                Int(digits, radix: 16) == port
            else { return nil }
            return String(fields[9])
        }
    }

    static func link(_ path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = buffer.withUnsafeMutableBytes { bytes in
            bytes.withMemoryRebound(to: CChar.self) { text in
                text.baseAddress.map { readlink(path, $0, text.count) } ?? 0
            }
        }
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }
}
