/// A topic's settings, by Kafka's names. What is not set has the default; `overrides` lists what was.
public struct TopicSettings: Sendable, Equatable {
    /// `segment.bytes`: a segment is closed when the next batch would make it larger than this. Default 1 GiB.
    public private(set) var segmentBytes = 1 << 30
    /// `segment.ms`: a segment is closed when a batch is this much later than its first, by record time. 7 days.
    public private(set) var segmentMilliseconds: Int64 = 604_800_000
    /// `index.interval.bytes`: one index entry each so many bytes of log. Default 4096.
    public private(set) var indexIntervalBytes = 4096
    /// `max.message.bytes`: the largest batch that is taken, in bytes as it arrives. Default 1 MiB and 12 bytes.
    public private(set) var batchBytesMax = 1_048_588
    /// `compression.type`: `lz4` compresses what arrives uncompressed; `producer` stores all as it came.
    public private(set) var compression = CompressionType.lz4
    /// `message.timestamp.type`: whose clock the records carry.
    public private(set) var timestampType = TimestampType.createTime
    /// `flush.messages`: after how many records the partition is synced. 1: each append is durable before it is
    /// acknowledged, by the journal. More than 1 skips the journal and risks that many records.
    public private(set) var flushMessages: Int64 = 1
    /// `flush.ms`: after how many milliseconds at the latest what was written is synced; nil: not by time.
    public private(set) var flushMilliseconds: Int64?

    /// `delete.retention.ms`: how long tombstones stay in a compacted topic. Without effect in others. One day.
    public private(set) var deleteRetentionMilliseconds: Int64 = 86_400_000
    /// `message.format.version`: taken and without effect.
    public private(set) var messageFormatVersion = "3.0-IV1"

    /// What was set, in order of name.
    public private(set) var overrides: [Override] = []

    public struct Override: Sendable, Equatable {
        public let name: String
        public let value: String
    }

    public enum CompressionType: String, Sendable, CaseIterable {
        case producer, lz4
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

    /// Sets one setting. Throws `invalidSetting` for a name that is not served or a value out of its range.
    public mutating func set(_ name: String, to value: String) throws(LogError) {
        let setting = try Self.definition(of: name, value: value)
        if let problem = setting.assign(&self, value) {
            throw .invalidSetting(name: name, value: value, reason: problem)
        }
        overrides.removeAll { $0.name == name }
        // As the setting is written, not as the text was: "+5" and a number with a thousand zeros before it are taken,
        // but the catalogue has room for so much.
        overrides.append(Override(name: name, value: setting.value(self)))
        overrides.sort { $0.name < $1.name }
    }

    /// Back to the default. Unknown names are refused as in `set`.
    public mutating func unset(_ name: String) throws(LogError) {
        _ = try Self.definition(of: name, value: "")
        let kept = overrides.filter { $0.name != name }
        self = TopicSettings()
        for override in kept { try set(override.name, to: override.value) }
    }

    private static func definition(of name: String, value: String) throws(LogError) -> Definition {
        if let definition = all.first(where: { $0.name == name }) { return definition }
        let known = all.map(\.name).joined(separator: ", ")
        throw .invalidSetting(name: name, value: value, reason: "it is not one of \(known)")
    }
}

extension TopicSettings {
    /// One setting: its name, what it holds now, its documentation, and how a text is taken.
    public struct Definition: Sendable {
        public let name: String
        public let documentation: String
        public let kind: Kind
        /// The value in force, as text.
        public let value: @Sendable (TopicSettings) -> String
        /// Takes the text, or says why not.
        let assign: @Sendable (inout TopicSettings, String) -> String?

        /// Kafka's type of the setting.
        public enum Kind: Sendable { case string, int, long }
    }

    /// Every setting there is, by name.
    public static let all: [Definition] = [
        fixed(
            "cleanup.policy", .string, at: "delete", because: "there is no compaction yet",
            documentation: "delete: what a retention is over for goes. Compaction is not there yet."),
        Definition(
            name: "compression.type",
            documentation: "lz4 compresses what arrives uncompressed, once; producer stores all batches as they came.",
            kind: .string, value: { $0.compression.rawValue },
            assign: { choice(&$0.compression, $1) }),
        Definition(
            name: "delete.retention.ms",
            documentation:
                "How long a compacted topic keeps tombstones. Without effect in a topic that is not compacted.",
            kind: .long, value: { String($0.deleteRetentionMilliseconds) },
            assign: { number(&$0.deleteRetentionMilliseconds, $1, in: 0...Int64.max) }),
        Definition(
            name: "flush.messages",
            documentation: """
                1: an append is acknowledged when it is on stable storage. More: the partition is synced after so \
                many records, which a power cut can cost.
                """,
            kind: .long, value: { String($0.flushMessages) },
            assign: { settings, text in
                let problem = number(&settings.flushMessages, text, in: 1...Int64.max)
                return problem
            }),
        Definition(
            name: "flush.ms",
            documentation: "After how many milliseconds at the latest what was written is synced.",
            kind: .long, value: { String($0.flushMilliseconds ?? Int64.max) },
            assign: { settings, text in
                var milliseconds: Int64 = 0
                if let problem = number(&milliseconds, text, in: 0...Int64.max) { return problem }
                settings.flushMilliseconds = milliseconds == Int64.max ? nil : milliseconds
                // Kafka's own default of flush.messages is "never": asking for a time-out alone relaxes to it.
                let saysMessages = settings.overrides.contains { $0.name == "flush.messages" }
                if !saysMessages && settings.flushMilliseconds != nil { settings.flushMessages = Int64.max }
                return nil
            }),
        Definition(
            name: "index.interval.bytes",
            documentation: "One entry in the offset and time indexes each so many bytes of log.",
            kind: .int, value: { String($0.indexIntervalBytes) },
            assign: { number(&$0.indexIntervalBytes, $1, in: 0...Int(Int32.max)) }),
        Definition(
            name: "max.message.bytes",
            documentation: "The largest batch that is taken, in bytes.",
            kind: .int, value: { String($0.batchBytesMax) },
            assign: { number(&$0.batchBytesMax, $1, in: 0...batchBytesLimit) }),
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
            name: "message.timestamp.type",
            documentation: "CreateTime: the producer's clock. LogAppendTime: the time of the append.",
            kind: .string, value: { $0.timestampType.rawValue },
            assign: { choice(&$0.timestampType, $1) }),
        fixed(
            "min.insync.replicas", .int, at: "1", because: "there is one node, which has the one replica",
            documentation: "1: the one node there is has every record."),
        fixed(
            "retention.bytes", .long, at: "-1", because: "nothing is deleted by size yet: delete records yourself",
            documentation: "-1: a partition may become as large as the disk. Other values are not there yet."),
        fixed(
            "retention.ms", .long, at: "-1", because: "nothing is deleted by age yet: delete records yourself",
            documentation: "-1: records of any age are kept. Other values are not there yet."),
        Definition(
            name: "segment.bytes",
            documentation: "A segment is closed when the next batch would make it larger than this.",
            kind: .int, value: { String($0.segmentBytes) },
            assign: { number(&$0.segmentBytes, $1, in: 1 << 14...Int(Int32.max)) }),
        Definition(
            name: "segment.ms",
            documentation: "A segment is closed when a batch is this much later than its first, by record time.",
            kind: .long, value: { String($0.segmentMilliseconds) },
            assign: { number(&$0.segmentMilliseconds, $1, in: 1...Int64.max) }),
    ]

    /// A setting that tools give, with the one value that is true here.
    private static func fixed(
        _ name: String, _ kind: Definition.Kind, at value: String, because reason: String, documentation: String
    ) -> Definition {
        Definition(
            name: name, documentation: documentation, kind: kind, value: { _ in value },
            assign: { _, text in text == value ? nil : "it must be \(value): \(reason)" })
    }

    /// No batch may be larger than what one round of the journal holds.
    public static let batchBytesLimit = 15 << 20

    private static func number<N: FixedWidthInteger>(
        _ target: inout N, _ text: String, in range: ClosedRange<N>
    ) -> String? {
        guard let value = N(text), range.contains(value) else {
            return "it must be a whole number from \(range.lowerBound) to \(range.upperBound)"
        }
        target = value
        return nil
    }

    /// Whether a text looks like Kafka's versions: digits and dots, and perhaps the name of a change of the protocol.
    private static func isVersion(_ text: String) -> Bool {
        guard let first = text.utf8.first, UInt8(ascii: "0")...UInt8(ascii: "9") ~= first else { return false }
        return text.utf8.count <= 32 && text.utf8.allSatisfy { "0123456789.-IV".utf8.contains($0) }
    }

    private static func choice<C: RawRepresentable & CaseIterable>(_ target: inout C, _ text: String) -> String?
    where C.RawValue == String {
        guard let value = C(rawValue: text) else {
            return "it must be one of " + C.allCases.map(\.rawValue).joined(separator: ", ")
        }
        target = value
        return nil
    }
}
