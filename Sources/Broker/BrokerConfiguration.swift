package import EventLog
package import Logging

/// How a broker is run. The defaults are safe: reachable from this machine only, every acknowledged record on disk.
package struct BrokerConfiguration: Sendable {
    package var dataDirectory: String
    /// Where to listen. Port 0: any that is free.
    package var listen = HostPort(host: "127.0.0.1", port: 9092)
    /// What clients are told to connect to; nil: the address that they connected to.
    package var advertise: HostPort?
    /// How many partitions a topic gets that is created because a client asked for it; nil: none is created so.
    package var autoCreatePartitions: Int? = 4
    /// Event loops; nil: one a core.
    package var loopCount: Int?
    /// Settings of the broker by name (`BrokerSettings.all`), as a file or the command line gives them: over what stands
    /// here otherwise, and under what clients change while the broker runs. The last of a name counts.
    package var settings: [SettingOverride] = []
    package var limits = Limits()
    package var groups = GroupSettings()
    package var log = EventLogOptions()
    package var logger = Logger(label: "martlet")

    package init(dataDirectory: String) { self.dataDirectory = dataDirectory }
}

/// A host with a port, as `HOST:PORT` or `[IPV6]:PORT`.
package struct HostPort: Hashable, Sendable, CustomStringConvertible {
    package var host: String
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// nil: the text is no host with a port of 0 to 65535.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65535).contains(port)
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { return nil }
        self.init(host: String(host), port: port)
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Whether only this machine can reach it.
    package var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }
}
