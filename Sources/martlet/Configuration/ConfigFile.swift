import Broker
import EventLog
import Logging

/// What a file says to `martlet serve`: the flags' keys above, settings of the broker in `[broker]`, what topics have that
/// set nothing in `[topic-defaults]`.
struct ConfigFile {
    private(set) var data: String?
    private(set) var listen: HostPort?
    private(set) var advertise: HostPort?
    private(set) var logLevel: Logger.Level?
    private(set) var autoCreatePartitions: Int?
    /// By the broker's names, in the order of the file.
    private(set) var settings: [SettingOverride] = []
    /// What is wrong with it, in the order of the file. Empty: it can be used.
    private(set) var problems: [Problem] = []
    /// Of each setting that is named, by the broker's name.
    private var places: [String: TextPlace] = [:]

    struct Problem: Error, Equatable {
        let place: TextPlace
        let reason: String

        /// As compilers write it.
        func line(in path: String) -> String { "\(path):\(place.line):\(place.column): \(reason)" }
    }

    static let byteCountMax = 1 << 20
    static let keys = ["advertise", "auto-create-partitions", "data", "listen", "log-level"]

    init(_ bytes: [UInt8]) {
        do throws(TOMLError) {
            for entry in try TOMLReader.read(bytes) {
                do throws(Refused) { try take(entry) } catch { add(error.reason, entry.place) }
            }
        } catch {
            add(error.reason, error.place)
        }
        if problems.isEmpty { checkTogether() }
        problems.sort { ($0.place.line, $0.place.column) < ($1.place.line, $1.place.column) }
    }

    /// Reads a file, which must be without a fault.
    init(readingAt path: String) throws {
        self.init(try readTextFile(path, byteCountMax: Self.byteCountMax))
        if let first = problems.first {
            let rest = problems.count > 1 ? " (and \(problems.count - 1) more: 'martlet config check' names all)" : ""
            throw Failure(first.line(in: path) + rest, status: .usage)
        }
    }

    /// Where the setting stands, by the broker's name for it.
    func place(of name: String) -> TextPlace? { places[name] }

    /// What is in force with this file alone.
    var inForce: BrokerSettings {
        var result = BrokerSettings()
        // They were tried when they were read.
        for setting in settings { try? result.set(setting.name, to: setting.value) }
        return result
    }

    private mutating func add(_ reason: String, _ place: TextPlace) {
        problems.append(Problem(place: place, reason: reason))
    }

    private struct Refused: Error {
        let reason: String
        init(_ reason: String) { self.reason = reason }
    }

    private mutating func checkTogether() {
        do throws(LogError) { try inForce.check() } catch {
            guard case .invalidSetting(let name, _, _) = error else { return }
            add("\(error)", places[name] ?? TextPlace())
        }
    }

    // MARK: Entries

    private mutating func take(_ entry: TOMLReader.Entry) throws(Refused) {
        switch (entry.path[0], entry.path.count) {
        case (let key, 1): try takeKey(key, entry)
        case ("broker", _):
            let name = entry.path.dropFirst().joined(separator: ".")
            if let fixed = ReadOnlySetting.all.first(where: { $0.name == name }) {
                let key = fixed.flag.map { $0.dropFirst(2) }
                throw Refused(
                    key.map { "'\(name)' is written as '\($0)', above all tables" }
                        ?? "'\(name)' cannot be another: leave it out")
            }
            guard let definition = BrokerSettings.definitions[name] else {
                throw Refused("'\(name)': \(BrokerSettings.unknown(name))")
            }
            try takeSetting(name, definition, entry)
        case ("topic-defaults", _):
            let name = entry.path.dropFirst().joined(separator: ".")
            guard let topics = TopicSettings.all.first(where: { $0.name == name }),
                let definition = BrokerSettings.definitions[topics.brokerName]
            else { throw Refused("'\(name)': \(Self.unknownTopicSetting(name))") }
            try takeSetting(name, definition, entry)
        default:
            throw Refused(
                "there is no table [\(entry.path[0])]: settings of the broker stand in [broker], what topics have that set "
                    + "nothing in [topic-defaults]")
        }
    }

    private static func unknownTopicSetting(_ name: String) -> String {
        if BrokerSettings.definitions[name] != nil { return "it is the broker's: it stands in [broker]" }
        return TopicSettings.unknown(name)
    }

    private mutating func takeKey(_ key: String, _ entry: TOMLReader.Entry) throws(Refused) {
        switch key {
        case "data":
            data = try text(entry)
            if data?.isEmpty == true { throw Refused("'data' is empty: give a directory") }
        case "listen": listen = try address(entry)
        case "advertise":
            advertise = try address(entry)
            if advertise?.port == 0 { throw Refused("'advertise' needs the port that clients use") }
        case "log-level":
            guard let level = Logger.Level(rawValue: try text(entry)) else {
                let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
                throw Refused("'log-level' must be one of \(levels)")
            }
            logLevel = level
        case "auto-create-partitions":
            guard case .integer(let count) = entry.value, 0...Int64(EventLog.partitionsMax) ~= count else {
                throw Refused("'auto-create-partitions' must be a whole number from 0 to \(EventLog.partitionsMax)")
            }
            autoCreatePartitions = Int(count)
        default:
            let isSetting = BrokerSettings.definitions[key] != nil || TopicSettings.all.contains { $0.name == key }
            let advice =
                isSetting
                ? "write it in [broker] or [topic-defaults]" : "there are \(Self.keys.joined(separator: ", "))"
            throw Refused("there is no key '\(key)' here: \(advice)")
        }
    }

    private func text(_ entry: TOMLReader.Entry) throws(Refused) -> String {
        guard case .text(let text) = entry.value else { throw Refused("'\(entry.path[0])' must be a text, in \"…\"") }
        return text
    }

    private func address(_ entry: TOMLReader.Entry) throws(Refused) -> HostPort {
        guard let address = HostPort(try text(entry)) else {
            throw Refused("'\(entry.path[0])' must be HOST:PORT, such as \"127.0.0.1:9092\" or \"[::1]:9092\"")
        }
        return address
    }

    private mutating func takeSetting(
        _ name: String, _ definition: BrokerSettings.Definition, _ entry: TOMLReader.Entry
    ) throws(Refused) {
        if let first = places[definition.name] {
            throw Refused(
                "'\(name)' is set in line \(first.line) already ('\(definition.name)'): leave out one of them")
        }
        places[definition.name] = entry.place
        let value = try Self.text(entry.value, of: name, definition.kind)
        var trial = BrokerSettings()
        do throws(LogError) { try trial.set(definition.name, to: value) } catch {
            guard case .invalidSetting(_, _, let reason) = error else { throw Refused("\(error)") }
            throw Refused("'\(name)' cannot be \(value): \(reason)")
        }
        settings.append(SettingOverride(name: definition.name, value: value))
    }

    /// The value as a broker takes it.
    private static func text(_ value: TOMLValue, of name: String, _ kind: SettingKind) throws(Refused) -> String {
        switch (value, kind) {
        case (.text(let text), _):
            do { return try SettingValue.wire(name, text) } catch { throw Refused("\(error)") }
        case (.integer(let number), .int), (.integer(let number), .long), (.integer(let number), .double):
            return String(number)
        case (.decimal(let number), .double): return String(number)
        case (.flag(let flag), .boolean): return String(flag)
        case (_, .boolean): throw Refused("'\(name)' must be true or false")
        case (_, .int), (_, .long): throw Refused("'\(name)' must be a whole number, or a text with a unit")
        case (_, .double): throw Refused("'\(name)' must be a number")
        case (_, .string), (_, .list): throw Refused("'\(name)' must be a text, in \"…\"")
        }
    }
}
