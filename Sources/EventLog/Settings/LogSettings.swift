/// What holds for a whole data directory: how it is kept in bounds, and how much that may cost.
public struct LogSettings: Sendable, Equatable, NamedSettings {
    /// `log.retention.check.interval.ms`: how often is looked for what is past its retention. One minute.
    public internal(set) var retentionIntervalMilliseconds: Int64 = 60_000
    /// `retention.total.bytes`: how large the directory may become; nil: as large as the disk.
    public internal(set) var retentionTotalBytes: Int64?
    /// `log.cleaner.enable`: whether topics are compacted.
    public internal(set) var compacts = true
    /// `log.cleaner.backoff.ms`: how often is looked for what is to be compacted. 15 s.
    public internal(set) var compactionIntervalMilliseconds: Int64 = 15_000
    /// `log.cleaner.dedupe.buffer.size`: memory for the keys of one pass, in bytes. 128 MiB.
    public internal(set) var compactionMapBytes: Int64 = 128 << 20
    /// `log.cleaner.io.max.bytes.per.second`: what compaction reads and writes a second; nil: what the disk gives.
    public internal(set) var compactionBytesPerSecond: Double?
    /// `log.cleaner.latency.max.ms`: compaction pauses while appends take longer than this to become durable; nil: it does
    /// not look. 20 ms.
    public internal(set) var compactionLatencyMilliseconds: Int64? = 20
    /// `min.free.bytes`: how much room on the disk records leave for all else; nil: 5 % of the file system, at most 1 GiB.
    public internal(set) var minFreeBytes: Int64?

    package var defaults: [SettingOverride] = []
    /// What was set, in order of name.
    public package(set) var overrides: [SettingOverride] = []

    public typealias Definition = SettingDefinition<LogSettings>

    public init() {}

    /// Sets one setting. Throws `invalidSetting` for a name that there is not, or a value out of its range.
    public mutating func set(_ name: String, to value: String) throws(LogError) { try override(name, with: value) }

    /// Back to the default. Unknown names are refused as in `set`.
    public mutating func unset(_ name: String) throws(LogError) { try removeOverride(name) }
}

extension LogSettings {
    /// Every setting there is, in order of name.
    public static let all: [Definition] = [
        Definition(
            name: "log.cleaner.backoff.ms",
            documentation: "How often is looked for what is to be compacted.",
            kind: .long, value: { String($0.compactionIntervalMilliseconds) },
            assign: { SettingText.number(&$0.compactionIntervalMilliseconds, $1, in: 1...Int64.max) }),
        Definition(
            name: "log.cleaner.dedupe.buffer.size",
            documentation: """
                Memory for the keys of compaction, in bytes: 24 a key, at most. A partition with more keys is compacted in \
                several passes.
                """,
            kind: .long, value: { String($0.compactionMapBytes) },
            assign: { SettingText.number(&$0.compactionMapBytes, $1, in: 1 << 20...1 << 40) }),
        Definition(
            name: "log.cleaner.enable",
            documentation: "Whether topics with cleanup.policy=compact are compacted.",
            kind: .boolean, value: { String($0.compacts) },
            assign: { SettingText.boolean(&$0.compacts, $1) }),
        Definition(
            name: "log.cleaner.io.max.bytes.per.second",
            documentation: "How many bytes compaction reads and writes a second at most.",
            kind: .double, value: { String($0.compactionBytesPerSecond ?? .greatestFiniteMagnitude) },
            assign: { settings, text in
                var value = 0.0
                if let problem = SettingText.decimal(&value, text, in: 1...Double.greatestFiniteMagnitude) {
                    return problem
                }
                settings.compactionBytesPerSecond = value == .greatestFiniteMagnitude ? nil : value
                return nil
            }),
        Definition(
            name: "log.cleaner.latency.max.ms",
            documentation: """
                Martlet's own. Compaction pauses while appends take longer than this to become durable. -1: it does not \
                look at them.
                """,
            kind: .long, value: { String($0.compactionLatencyMilliseconds ?? -1) },
            assign: { SettingText.limit(&$0.compactionLatencyMilliseconds, $1, in: -1...Int64.max, off: -1) }),
        Definition(
            name: "log.retention.check.interval.ms",
            documentation: "How often is looked for segments that are past their retention.",
            kind: .long, value: { String($0.retentionIntervalMilliseconds) },
            assign: { SettingText.number(&$0.retentionIntervalMilliseconds, $1, in: 1...Int64.max) }),
        Definition(
            name: "min.free.bytes",
            documentation: """
                Martlet's own. While less than this is free on the file system, records are refused with a storage error that \
                clients retry; commits of offsets, settings, checkpoints and deletions go on. -1: 5 % of it, at most 1 GiB. \
                0: nothing is kept free.
                """,
            kind: .long, value: { String($0.minFreeBytes ?? -1) },
            assign: { SettingText.limit(&$0.minFreeBytes, $1, in: -1...Int64.max, off: -1) }),
        Definition(
            name: "retention.total.bytes",
            documentation: """
                Martlet's own. While the data directory is larger than this, with indexes and the journal, the oldest \
                segments go of the topic that is furthest over its share. -1: it may become as large as the disk.
                """,
            kind: .long, value: { String($0.retentionTotalBytes ?? -1) },
            assign: { SettingText.limit(&$0.retentionTotalBytes, $1, in: -1...Int64.max, off: -1) }),
    ]
}
