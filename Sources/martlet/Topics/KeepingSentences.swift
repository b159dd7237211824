/// What a topic's settings mean, as sentences for people.
struct KeepingSentences {
    let rules: KeepingRules

    /// What is kept: `7 d, at most 10 GiB a partition`.
    var keeps: String {
        switch (rules.deletes, rules.compacts) {
        case (false, false): "everything: neither age, size nor keys delete anything"
        case (false, true): "of each key the last record, for ever"
        case (true, true):
            limits.map { "of each key the last record, \($0)" } ?? "of each key the last record, for ever"
        case (true, false): limits ?? "everything: nothing is deleted by age or size"
        }
    }

    private var limits: String? {
        let age = rules.ageMax.map(Self.span)
        let size = rules.bytesMax.map { BinarySize.exact($0) + " a partition" }
        return switch (age, size) {
        case (let age?, let size?): "\(age), but at most \(size)"
        case (let age?, nil): age
        case (nil, let size?): "at most \(size)"
        case (nil, nil): nil
        }
    }

    /// When records go, and how much longer they may stay than was asked for.
    var deletes: [String] {
        var rules: [String] = []
        if let ageMax = self.rules.ageMax {
            rules.append(
                "a segment goes when its newest record is older than \(Self.span(ageMax)), by the records' timestamps: "
                    + "some stay up to \(Self.span(self.rules.segmentMilliseconds)) longer (segment.ms)")
        }
        if self.rules.bytesMax != nil {
            rules.append(
                "the oldest segment of a partition goes while the others are as large as that: up to "
                    + "\(BinarySize.exact(self.rules.segmentBytes)) more stays (segment.bytes)")
        }
        return rules
    }

    /// When keys are compacted; nil: they are not.
    var compacts: String? {
        guard rules.compacts else { return nil }
        var text = "when \(Self.percent(rules.dirtyRatioMin)) of a partition is new"
        if let delay = rules.compactionDelayMilliseconds {
            text += ", or what is new is \(Self.span(delay)) old"
        }
        if rules.compactionLagMilliseconds > 0 {
            text += ", but nothing younger than \(Self.span(rules.compactionLagMilliseconds))"
        }
        return text + "; deleted keys (tombstones) are seen for \(Self.span(rules.deleteRetentionMilliseconds)) more"
    }

    /// Which records readers no longer get though they are there; nil: they get all.
    var hides: String? {
        let span = rules.recordTTLMilliseconds.map(Self.span)
        return switch (span, rules.readsTTLHeaders) {
        case (let span?, false):
            "readers get a record for \(span) from its timestamp; a batch is there until its last one has expired"
        case (let span?, true):
            "readers get a record for as long as its header martlet-ttl-ms says, or for \(span) from its timestamp"
        case (nil, true): "readers get a record for as long as its header martlet-ttl-ms says; without one, for ever"
        case (nil, false): nil
        }
    }

    /// Whose clock ages are told by, where that is not the producers'.
    var timestamps: String? {
        rules.usesLogAppendTime ? "the broker's clock: a record is as old as its append (LogAppendTime)" : nil
    }

    /// Settings that were set and do nothing as things are, and settings that delete more than one may think.
    /// - Parameter isSet: whether a setting was given to the topic.
    func notes(isSet: (String) -> Bool) -> [String] {
        var notes: [String] = []
        if !rules.deletes {
            let idle = ["retention.ms", "retention.bytes"].filter(isSet)
            if !idle.isEmpty {
                let policy = rules.compacts ? "compact" : "empty"
                notes.append(
                    "without effect as cleanup.policy is \(policy): \(idle.joined(separator: ", ")); "
                        + "compact,delete would do both")
            }
        }
        if !rules.compacts {
            let idle = [
                "delete.retention.ms", "max.compaction.lag.ms", "min.cleanable.dirty.ratio", "min.compaction.lag.ms",
            ].filter(isSet)
            if !idle.isEmpty {
                notes.append(
                    "without effect as cleanup.policy has no compact: \(idle.joined(separator: ", "))")
            }
        }
        if let age = rules.ageMax, age < rules.segmentMilliseconds, rules.segmentMilliseconds >= 2 * max(age, 1) {
            notes.append(
                "a segment may hold \(Self.span(rules.segmentMilliseconds)) of records, which go together: a smaller "
                    + "segment.ms keeps closer to \(Self.span(age))")
        }
        if let bytes = rules.bytesMax, bytes < rules.segmentBytes {
            notes.append(
                "retention.bytes is less than one segment (segment.bytes \(BinarySize.exact(rules.segmentBytes))), and the "
                    + "one that is written to stays: a smaller segment.bytes keeps closer to it")
        }
        return notes
    }

    private static func span(_ milliseconds: Int64) -> String {
        milliseconds == .max ? "for ever" : SpanText.exact(milliseconds)
    }

    private static func percent(_ part: Double) -> String {
        let text = (part * 100).rounded(toPlaces: 1)
        return (text.hasSuffix(".0") ? String(text.dropLast(2)) : text) + " %"
    }
}
