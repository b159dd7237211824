package import EventLog

/// A topic of a simulated life, as far as whoever uses it knows.
package struct SimulatedTopic {
    /// What topics are created with and altered to: small segments, so that a few records fill several.
    package static let settings = keeping + compacted

    /// Those that keep all records of a segment, or none.
    static let keeping: [Setting] = [
        Setting(["segment.bytes": "3000", "index.interval.bytes": "0", "compression.type": "producer"]),
        Setting(["segment.bytes": "6000", "index.interval.bytes": "500", "compression.type": "lz4"]),
        Setting(["segment.bytes": "1000000", "index.interval.bytes": "4096", "compression.type": "producer"]),
        Setting(["segment.bytes": "3000", "retention.bytes": "5000", "compression.type": "producer"]),
        Setting(["segment.bytes": "2500", "retention.ms": "900", "index.interval.bytes": "500"]),
        Setting(["segment.bytes": "3000", "flush.messages": "5", "compression.type": "producer"]),
        Setting(["segment.bytes": "4000", "flush.messages": "12", "retention.bytes": "9000"]),
    ]

    static let compacted: [Setting] = [
        ["cleanup.policy": "compact", "segment.bytes": "1500", "compression.type": "producer"],
        ["cleanup.policy": "compact,delete", "segment.bytes": "2500", "retention.bytes": "8000"],
        ["cleanup.policy": "compact", "segment.bytes": "1500", "flush.messages": "5", "compression.type": "producer"],
    ].map { settings in
        let common = [
            "min.cleanable.dirty.ratio": "0", "index.interval.bytes": "300",
            "delete.retention.ms": "\(deleteRetention)",
        ]
        return Setting(settings.merging(common) { $1 })
    }

    /// How long tombstones stay, in milliseconds. Each append takes one.
    static let deleteRetention: Int64 = 3

    package struct Setting: Sendable {
        package let settings: TopicSettings
        /// How many records a loss of power may cost.
        let lossMax: Int64
        let retention: Retention
        let isCompacted: Bool

        enum Retention {
            case none, bytes
            case milliseconds(Int64)
        }

        init(_ pairs: [String: String]) {
            guard let settings = try? TopicSettings(pairs) else { preconditionFailure("no settings: \(pairs)") }
            self.settings = settings
            isCompacted = settings.isCompacted
            lossMax = settings.isJournaled ? 0 : settings.flushMessages - 1
            retention =
                if let milliseconds = settings.retentionMilliseconds {
                    .milliseconds(milliseconds)
                } else if settings
                    .retentionBytes != nil
                { .bytes } else { .none }
        }
    }

    let name: String
    /// No other topic of this life ever had it.
    var number: Int
    /// The number of each partition: no other one ever had it.
    var partitions: [SimulatedPartition]
    var setting: Int
    /// A change of it failed: only the next life tells how it came out.
    var isUncertain = false

    var lossMax: Int64 { Self.settings[setting].lossMax }
    var isCompacted: Bool { Self.settings[setting].isCompacted }
    /// How many keys its records have, as `HistoryEvent.Attempt` says.
    var keyCount: Int { isCompacted ? Self.keyCountOfCompacted : 0 }
    static let keyCountOfCompacted = 4
}

struct SimulatedPartition {
    let number: Int
    /// What it holds was read in this life.
    var isRead = false
    /// Numbered batches, as far as they are known to be there.
    var numbered: [Numbered] = []
    /// A numbered batch was sent, and nobody knows what came of it.
    var hasOpenNumber = false
    /// The same of another.
    var hasOpenAppend = false
    /// Records with bits that have turned over.
    var rotten: [Range<Int64>] = []

    struct Numbered {
        let attempt: Int
        let value: Int
        let count: Int
        let size: Int
        let time: Int64
        let sequence: Int32
        let keyCount: Int
        var base: Int64
    }

    /// Whether all that may be in it was seen, or said to be there.
    var isKnown: Bool { isRead && !hasOpenNumber && !hasOpenAppend }

    var nextSequence: Int32 { numbered.last.map { $0.sequence + Int32($0.count) } ?? 0 }
}
