/// A topic's settings, by Kafka's names. What is not set has the default; `overrides` lists what was.
public struct TopicSettings: Sendable, Equatable, NamedSettings {
    /// `segment.bytes`: a segment is closed when the next batch would make it larger than this. Default 1 GiB.
    public internal(set) var segmentBytes = 1 << 30
    /// `segment.ms`: a segment is closed when a batch is this much later than its first, by record time. 7 days.
    public internal(set) var segmentMilliseconds: Int64 = 604_800_000
    /// `index.interval.bytes`: one index entry each so many bytes of log. Default 4096.
    public internal(set) var indexIntervalBytes = 4096
    /// `max.message.bytes`: the largest batch that is taken, in bytes as it arrives. Default 1 MiB and 12 bytes.
    public internal(set) var batchBytesMax = 1_048_588
    /// `compression.type`: `lz4` compresses what arrives uncompressed; with any other all is stored as it came.
    public internal(set) var compression = CompressionType.lz4
    /// `message.timestamp.type`: whose clock the records carry.
    public internal(set) var timestampType = TimestampType.createTime
    /// `flush.messages`: after how many records the partition is synced. 1: each append is durable before it is
    /// acknowledged, by the journal. More than 1 skips the journal and risks that many records.
    public var flushMessages: Int64 { flushMessagesSet ?? (flushMilliseconds == nil ? 1 : .max) }
    /// nil: nobody has set it. Kafka's own default is "never", so that asking for `flush.ms` alone relaxes to it.
    var flushMessagesSet: Int64?
    /// `flush.ms`: after how many milliseconds at the latest what was written is synced; nil: not by time.
    public internal(set) var flushMilliseconds: Int64?

    /// `cleanup.policy`: whether old records go by age and size, or what later records of their key replace.
    public internal(set) var cleanup = CleanupPolicy.delete
    /// `retention.ms`: how old records may become, by their timestamps; nil: as old as they like.
    public internal(set) var retentionMilliseconds: Int64?
    /// `retention.bytes`: how large a partition may become; nil: as large as the disk.
    public internal(set) var retentionBytes: Int64?
    /// `delete.retention.ms`: how long a compacted topic keeps tombstones once they are compacted. One day.
    public internal(set) var deleteRetentionMilliseconds: Int64 = 86_400_000
    /// `min.compaction.lag.ms`: records younger than this are not compacted.
    public internal(set) var compactionLagMilliseconds: Int64 = 0
    /// `max.compaction.lag.ms`: records older than this are compacted, however few there are; nil: they wait for
    /// `dirtyRatioMin`.
    public internal(set) var compactionDelayMilliseconds: Int64?
    /// `min.cleanable.dirty.ratio`: a partition is compacted when so much of it, in bytes, is new since the last time.
    public internal(set) var dirtyRatioMin = 0.5
    /// `message.timestamp.before.max.ms`: how far before the append a record's timestamp may lie.
    public internal(set) var timestampBeforeMilliseconds = Int64.max
    /// `message.timestamp.after.max.ms`: how far after the append a record's timestamp may lie. One hour.
    public internal(set) var timestampAfterMilliseconds: Int64 = 3_600_000
    /// `record.ttl.ms`: how long records are there for readers, from their timestamps on; nil: as long as the log has them.
    public internal(set) var recordTTLMilliseconds: Int64?
    /// `record.ttl.headers`: whether a record's header `martlet-ttl-ms` says how long it is there.
    public internal(set) var readsTTLHeaders = false
    /// `file.delete.delay.ms`: taken and without effect.
    public internal(set) var fileDeleteDelayMilliseconds: Int64 = 60_000
    /// `message.format.version`: taken and without effect.
    public internal(set) var messageFormatVersion = "3.0-IV1"

    /// What the log gives to topics that set nothing; in order of name.
    public package(set) var defaults: [SettingOverride] = []
    /// What was set, in order of name.
    public package(set) var overrides: [SettingOverride] = []

    public typealias Definition = SettingDefinition<TopicSettings>

    public enum CompressionType: String, Sendable, CaseIterable {
        case producer, lz4, uncompressed, gzip, snappy, zstd
    }

    public enum TimestampType: String, Sendable, CaseIterable {
        case createTime = "CreateTime"
        case logAppendTime = "LogAppendTime"
    }

    public init() {}

    /// Settings by name and value, as clients and the command line give them.
    public init(_ pairs: [String: String]) throws(LogError) {
        for (name, value) in pairs.sorted(by: { $0.key < $1.key }) { try set(name, to: value) }
    }

    /// True: an append is acknowledged when the journal has it. False: `flush.messages` or `flush.ms` relax that.
    public var isJournaled: Bool { flushMessages == 1 }

    /// True: where several records have a key, the last one counts.
    public var isCompacted: Bool { cleanup.contains(.compact) }

    /// Sets one setting. Throws `invalidSetting` for a name that is not served or a value out of its range.
    public mutating func set(_ name: String, to value: String) throws(LogError) { try override(name, with: value) }

    /// Back to the default. Unknown names are refused as in `set`.
    public mutating func unset(_ name: String) throws(LogError) { try removeOverride(name) }

    /// Settings that cannot hold together, and why; nil: they can.
    public var contradiction: (name: String, reason: String)? {
        guard let most = compactionDelayMilliseconds, most < compactionLagMilliseconds else { return nil }
        return (
            "max.compaction.lag.ms",
            "records are not to be compacted before \(compactionLagMilliseconds) ms (min.compaction.lag.ms), and to be "
                + "compacted after \(most) ms: give a smaller min.compaction.lag.ms, or a larger max.compaction.lag.ms"
        )
    }
}
