import Broker
import EventLog

/// What a file says that can be, and is hardly meant.
extension ConfigFile {
    /// - Parameter diskBytes: how large the disk is that holds the data; nil: it is not known.
    func warnings(diskBytes: Int64?) -> [Problem] {
        let settings = inForce
        let found =
            withoutEffect + retention(settings.topics, settings.log, diskBytes: diskBytes) + compaction(settings)
        return found.sorted { ($0.place.line, $0.place.column) < ($1.place.line, $1.place.column) }
    }

    private var withoutEffect: [Problem] {
        settings.compactMap { setting in
            guard let documentation = BrokerSettings.definitions[setting.name]?.documentation,
                documentation.hasPrefix("Without effect")
            else { return nil }
            return warning(setting.name, "is \(documentation.prefix(1).lowercased())\(documentation.dropFirst())")
        }
    }

    private func retention(_ topics: TopicSettings, _ log: LogSettings, diskBytes: Int64?) -> [Problem] {
        var found: [Problem?] = []
        let deletes = topics.cleanup.contains(.delete)
        if let milliseconds = topics.retentionMilliseconds {
            if !deletes {
                found.append(warning("log.retention.ms", "has no effect: log.cleanup.policy is compact"))
            } else if milliseconds < 60_000 {
                found.append(
                    warning(
                        "log.retention.ms",
                        "of \(milliseconds) ms deletes all records within moments: give a longer time, such as \"7d\""))
            }
        }
        if let bytes = topics.retentionBytes {
            if !deletes {
                found.append(warning("log.retention.bytes", "has no effect: log.cleanup.policy is compact"))
            } else if bytes < topics.segmentBytes {
                found.append(
                    warning(
                        "log.retention.bytes",
                        "is less than one segment (log.segment.bytes, \(topics.segmentBytes)): all sealed segments are "
                            + "deleted, and the one that is written to stays"))
            }
        }
        if let total = log.retentionTotalBytes {
            if let diskBytes, total > diskBytes {
                found.append(
                    warning(
                        "retention.total.bytes",
                        "is more than the disk has, \(diskBytes) bytes: it is full before anything is deleted"))
            }
            if total < Int64(topics.segmentBytes) {
                found.append(
                    warning(
                        "retention.total.bytes",
                        "is less than one segment (log.segment.bytes, \(topics.segmentBytes)): nearly all is deleted"))
            }
        }
        return found.compactMap(\.self)
    }

    private func compaction(_ settings: BrokerSettings) -> [Problem] {
        guard settings.topics.isCompacted, !settings.log.compacts else { return [] }
        return [warning("log.cleaner.enable", "is false: topics with log.cleanup.policy=compact grow for ever")]
            .compactMap(\.self)
    }

    /// nil: the file does not name it.
    private func warning(_ name: String, _ text: String) -> Problem? {
        place(of: name).map { Problem(place: $0, reason: "'\(name)' \(text)") }
    }
}
