extension TopicSettings {
    /// Every setting there is, by name.
    public static let all: [Definition] = [
        Definition(
            name: "cleanup.policy",
            documentation: """
                delete: segments go when they are past retention.ms or retention.bytes. compact: of each key the last \
                record stays. compact,delete: both.
                """,
            kind: .list, value: { $0.cleanup.description },
            assign: { settings, text in
                guard let policy = CleanupPolicy(text) else { return "it must be delete, compact, or compact,delete" }
                settings.cleanup = policy
                return nil
            }),
        Definition(
            name: "compression.type",
            documentation: """
                lz4: what arrives uncompressed is compressed, once. producer: all batches are stored as they came; so they \
                are with uncompressed, gzip, snappy and zstd, which are not made here.
                """,
            kind: .string, value: { $0.compression.rawValue },
            assign: { SettingText.choice(&$0.compression, $1) }),
        Definition(
            name: "delete.retention.ms",
            documentation:
                "How long a compacted topic keeps tombstones after they were compacted first. Without effect in others.",
            kind: .long, value: { String($0.deleteRetentionMilliseconds) },
            assign: { SettingText.number(&$0.deleteRetentionMilliseconds, $1, in: 0...Int64.max) }),
        Definition(
            name: "file.delete.delay.ms",
            documentation: "Without effect: files go at once, and who reads from them reads on.",
            kind: .long, value: { String($0.fileDeleteDelayMilliseconds) },
            assign: { SettingText.number(&$0.fileDeleteDelayMilliseconds, $1, in: 0...Int64.max) }),
        Definition(
            name: "flush.messages",
            documentation: """
                1: an append is acknowledged when it is on stable storage. More: the partition is synced after so \
                many records, which a power cut can cost.
                """,
            kind: .long, value: { String($0.flushMessages) },
            assign: { settings, text in
                var count: Int64 = 1
                if let problem = SettingText.number(&count, text, in: 1...Int64.max) { return problem }
                settings.flushMessagesSet = count
                return nil
            }),
        Definition(
            name: "flush.ms",
            documentation: "After how many milliseconds at the latest what was written is synced.",
            kind: .long, value: { String($0.flushMilliseconds ?? Int64.max) },
            assign: { SettingText.limit(&$0.flushMilliseconds, $1, in: 0...Int64.max, off: Int64.max) }),
        Definition(
            name: "index.interval.bytes",
            documentation: "One entry in the offset and time indexes each so many bytes of log.",
            kind: .int, value: { String($0.indexIntervalBytes) },
            assign: { SettingText.number(&$0.indexIntervalBytes, $1, in: 0...Int(Int32.max)) }),
        Definition(
            name: "max.compaction.lag.ms",
            documentation: """
                Records older than this are compacted in a compacted topic, however few are new. 9223372036854775807: \
                only min.cleanable.dirty.ratio decides.
                """,
            kind: .long, value: { String($0.compactionDelayMilliseconds ?? Int64.max) },
            assign: { SettingText.limit(&$0.compactionDelayMilliseconds, $1, in: 1...Int64.max, off: Int64.max) }),
        Definition(
            name: "max.message.bytes",
            documentation: "The largest batch that is taken, in bytes.",
            kind: .int, value: { String($0.batchBytesMax) },
            assign: { SettingText.number(&$0.batchBytesMax, $1, in: 0...batchBytesLimit) }),
        Definition(
            name: "message.format.version",
            documentation: """
                Without effect: all records are stored in format 2. Taken because tools of before Kafka 4 set it.
                """,
            kind: .string, value: { $0.messageFormatVersion },
            assign: { settings, text in
                guard isVersion(text) else { return "it must be a version such as 3.0 or 2.8-IV1" }
                settings.messageFormatVersion = text
                return nil
            }),
        Definition(
            name: "message.timestamp.after.max.ms",
            documentation: "How far in the future a record's timestamp may lie, where the producer's clock counts.",
            kind: .long, value: { String($0.timestampAfterMilliseconds) },
            assign: { SettingText.number(&$0.timestampAfterMilliseconds, $1, in: 0...Int64.max) }),
        Definition(
            name: "message.timestamp.before.max.ms",
            documentation: "How far in the past a record's timestamp may lie, where the producer's clock counts.",
            kind: .long, value: { String($0.timestampBeforeMilliseconds) },
            assign: { SettingText.number(&$0.timestampBeforeMilliseconds, $1, in: 0...Int64.max) }),
        Definition(
            name: "message.timestamp.type",
            documentation: "CreateTime: the producer's clock. LogAppendTime: the time of the append.",
            kind: .string, value: { $0.timestampType.rawValue },
            assign: { SettingText.choice(&$0.timestampType, $1) }),
        Definition(
            name: "min.cleanable.dirty.ratio",
            documentation:
                "A compacted partition is compacted when this part of it, in bytes, is new since the last time.",
            kind: .double, value: { String($0.dirtyRatioMin) },
            assign: { SettingText.decimal(&$0.dirtyRatioMin, $1, in: 0...1) }),
        Definition(
            name: "min.compaction.lag.ms",
            documentation: "Records of a compacted topic are not compacted before this age.",
            kind: .long, value: { String($0.compactionLagMilliseconds) },
            assign: { SettingText.number(&$0.compactionLagMilliseconds, $1, in: 0...Int64.max) }),
        .fixed(
            "min.insync.replicas", .int, at: "1", because: "there is one node, which has the one replica",
            documentation: "1: the one node there is has every record."),
        .fixed(
            "preallocate", .boolean, at: "false", because: "segments grow as they are written",
            documentation: "false: segments grow as they are written."),
        Definition(
            name: "record.ttl.headers",
            documentation: """
                Martlet's own. true: a record's header martlet-ttl-ms says for how many milliseconds from its timestamp \
                on readers get it. Batches are opened for it when they are read.
                """,
            kind: .boolean, value: { String($0.readsTTLHeaders) },
            assign: { SettingText.boolean(&$0.readsTTLHeaders, $1) }),
        Definition(
            name: "record.ttl.ms",
            documentation: """
                Martlet's own. For how many milliseconds from its timestamp on readers get a record; a batch is there \
                until its last record has expired. -1: as long as the log has it.
                """,
            kind: .long, value: { String($0.recordTTLMilliseconds ?? -1) },
            assign: { SettingText.limit(&$0.recordTTLMilliseconds, $1, in: -1...Int64.max, off: -1) }),
        Definition(
            name: "retention.bytes",
            documentation: """
                The oldest segments of a partition go while it is larger than this. -1: it may become as large as the disk.
                """,
            kind: .long, value: { String($0.retentionBytes ?? -1) },
            assign: { SettingText.limit(&$0.retentionBytes, $1, in: -1...Int64.max, off: -1) }),
        Definition(
            name: "retention.ms",
            documentation: """
                A segment goes when all its records are older than this, by their timestamps. -1: records of any age are \
                kept.
                """,
            kind: .long, value: { String($0.retentionMilliseconds ?? -1) },
            assign: { SettingText.limit(&$0.retentionMilliseconds, $1, in: -1...Int64.max, off: -1) }),
        Definition(
            name: "segment.bytes",
            documentation: "A segment is closed when the next batch would make it larger than this.",
            kind: .int, value: { String($0.segmentBytes) },
            assign: { SettingText.number(&$0.segmentBytes, $1, in: 1 << 10...Int(Int32.max)) }),
        .fixed(
            "segment.jitter.ms", .long, at: "0", because: "segments end at segment.ms",
            documentation: "0: segments end at segment.ms, no earlier."),
        Definition(
            name: "segment.ms",
            documentation: "A segment is closed when a batch is this much later than its first, by record time.",
            kind: .long, value: { String($0.segmentMilliseconds) },
            assign: { SettingText.number(&$0.segmentMilliseconds, $1, in: 1...Int64.max) }),
        .fixed(
            "unclean.leader.election.enable", .boolean, at: "false", because: "there is one replica, which has all",
            documentation: "false: the one node there is has every record."),
    ]

    /// No batch may be larger than what one round of the journal holds.
    public static let batchBytesLimit = 15 << 20

    /// Whether a text looks like Kafka's versions: digits and dots, and perhaps the name of a change of the protocol.
    private static func isVersion(_ text: String) -> Bool {
        guard let first = text.utf8.first, UInt8(ascii: "0")...UInt8(ascii: "9") ~= first else { return false }
        return text.utf8.count <= 32 && text.utf8.allSatisfy { "0123456789.-IV".utf8.contains($0) }
    }
}
