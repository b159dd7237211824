/// The settings of a topic that decide what is kept, as they are in force; of any broker.
struct KeepingRules: Hashable {
    /// Segments go by age and size.
    var deletes = true
    /// Of each key the last record stays.
    var compacts = false
    /// nil: records of any age are kept.
    var retentionMilliseconds: Int64?
    /// nil: a partition may be of any size.
    var retentionBytes: Int64?
    var segmentMilliseconds: Int64 = 604_800_000
    var segmentBytes: Int64 = 1 << 30
    /// For how long readers get a record; nil: as long as it is there.
    var recordTTLMilliseconds: Int64?
    var readsTTLHeaders = false
    var deleteRetentionMilliseconds: Int64 = 86_400_000
    var compactionLagMilliseconds: Int64 = 0
    var compactionDelayMilliseconds: Int64?
    var dirtyRatioMin = 0.5
    var usesLogAppendTime = false

    init() {}

    /// - Parameter value: of a setting by its name; nil: the broker has no such setting.
    init(_ value: (String) -> String?) {
        func number(_ name: String) -> Int64? { value(name).flatMap { Int64($0) } }
        func limit(_ name: String) -> Int64? { number(name).flatMap { $0 < 0 ? nil : $0 } }
        if let policies = value("cleanup.policy")?.split(separator: ",") {
            let names = policies.map { $0.filter { $0 != " " } }
            deletes = names.contains("delete")
            compacts = names.contains("compact")
        }
        retentionMilliseconds = limit("retention.ms")
        retentionBytes = limit("retention.bytes")
        segmentMilliseconds = number("segment.ms") ?? segmentMilliseconds
        segmentBytes = number("segment.bytes") ?? segmentBytes
        recordTTLMilliseconds = limit("record.ttl.ms")
        readsTTLHeaders = value("record.ttl.headers") == "true"
        deleteRetentionMilliseconds = number("delete.retention.ms") ?? deleteRetentionMilliseconds
        compactionLagMilliseconds = number("min.compaction.lag.ms") ?? 0
        compactionDelayMilliseconds = number("max.compaction.lag.ms").flatMap { $0 == .max ? nil : $0 }
        dirtyRatioMin = value("min.cleanable.dirty.ratio").flatMap { Double($0) } ?? dirtyRatioMin
        usesLogAppendTime = value("message.timestamp.type") == "LogAppendTime"
    }

    init(_ settings: [String: String]) { self.init { settings[$0] } }

    /// The age at which segments go; nil: at none. Records that no reader gets any more go as if they were too old; where
    /// each record may say how long it lives, only the retention counts.
    var ageMax: Int64? {
        guard deletes else { return nil }
        guard let recordTTLMilliseconds, !readsTTLHeaders else { return retentionMilliseconds }
        return min(retentionMilliseconds ?? .max, recordTTLMilliseconds)
    }

    /// The size from which on segments of a partition go; nil: they don't.
    var bytesMax: Int64? { deletes ? retentionBytes : nil }
}

/// What a partition will grow to at most.
enum HoldBound: Hashable {
    /// It grows for as long as it is written to.
    case unbounded
    /// Something holds it, but how large it becomes is not known: the rate, above all.
    case unknown
    case bytes(Int64)

    /// Of several partitions together.
    static func + (a: HoldBound, b: HoldBound) -> HoldBound {
        switch (a, b) {
        case (.unbounded, _), (_, .unbounded): .unbounded
        case (.unknown, _), (_, .unknown): .unknown
        case (.bytes(let a), .bytes(let b)): .bytes(a.addingClamped(b))
        }
    }

    var bytes: Int64? {
        if case .bytes(let bytes) = self { bytes } else { nil }
    }

    /// The smaller one, of two that both hold.
    fileprivate func smaller(_ other: HoldBound) -> HoldBound {
        switch (self, other) {
        case (.unbounded, let bound), (let bound, .unbounded): bound
        case (.bytes(let a), .bytes(let b)): .bytes(min(a, b))
        case (.bytes(let bytes), .unknown), (.unknown, .bytes(let bytes)): .bytes(bytes)
        case (.unknown, .unknown): .unknown
        }
    }
}

extension KeepingRules {
    /// What a partition will be held at, at most, if it goes on at its rate.
    ///
    /// Whole segments go, the oldest first: by age when the newest record of one is too old, by size while the rest is still
    /// as large as is allowed. So there is up to one segment more than was asked for.
    /// - Parameters:
    ///   - perDay: bytes that are added a day; nil: not known.
    ///   - compacted: bytes that the last compaction has left; nil: none has been, or it is not known.
    func bound(perDay: Int64?, compacted: Int64?) -> HoldBound {
        var bound = HoldBound.unbounded
        if let ageMax { bound = bound.smaller(byAge(ageMax, perDay)) }
        if let bytesMax { bound = bound.smaller(.bytes(bytesMax.addingClamped(max(0, segmentBytes)))) }
        if compacts { bound = bound.smaller(byCompaction(perDay, compacted)) }
        return bound
    }

    private func byAge(_ ageMax: Int64, _ perDay: Int64?) -> HoldBound {
        guard let perDay else { return .unknown }
        return .bytes(Self.bytes(in: ageMax, perDay).addingClamped(segmentBytes(perDay)))
    }

    /// If the keys stay the same: what is left of them, what may be new before they are compacted again, and the segment that
    /// is written to.
    private func byCompaction(_ perDay: Int64?, _ compacted: Int64?) -> HoldBound {
        guard let compacted, compacted > 0, let perDay, dirtyRatioMin < 1 else { return .unknown }
        let full = Double(compacted) / (1 - max(0, dirtyRatioMin))
        return .bytes(Int64(clamping: full).addingClamped(segmentBytes(perDay)))
    }

    /// How large a segment becomes at a rate.
    private func segmentBytes(_ perDay: Int64) -> Int64 {
        min(max(0, segmentBytes), Self.bytes(in: segmentMilliseconds, perDay))
    }

    private static func bytes(in milliseconds: Int64, _ perDay: Int64) -> Int64 {
        Int64(clamping: Double(max(0, milliseconds)) / 86_400_000 * Double(max(0, perDay)))
    }
}

extension Int64 {
    /// The sum of two numbers that are not negative, or the largest number there is.
    func addingClamped(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    /// The nearest whole number; 0 for what is none.
    init(clamping value: Double) {
        if value.isNaN { self = 0 } else { self = Int64(exactly: value.rounded()) ?? (value < 0 ? .min : .max) }
    }
}
