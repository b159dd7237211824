import KafkaClient
import RecordFormat

/// A change of a topic's settings, with what it does to the records that are there.
struct TopicAlteration {
    let topic: String
    let before: KeepingRules
    let after: KeepingRules
    let deletion: DeletionPlan
    /// Records that stay, but that no reader gets any more.
    let hiddenRecords: Int64
    private let records: Int64

    /// - Parameters:
    ///   - set: values as a broker takes them, by name.
    ///   - reset: names of settings that go back to what they would be otherwise.
    init(
        of topic: String, set: [String: String], reset: [String], from backend: any TopicBackend, now: Timestamp
    ) async throws {
        self.topic = topic
        let settings = try await backend.settings(ofTopic: topic)
        let before = KeepingRules { name in settings.first { $0.name == name }?.value }
        let after = KeepingRules { name in
            if let value = set[name] { return value }
            let setting = settings.first { $0.name == name }
            return reset.contains(name) ? setting?.defaultValue : setting?.value
        }
        (self.before, self.after) = (before, after)
        let partitions = try await backend.describe(topic).partitions
        records = partitions.reduce(0) { $0.addingClamped(max(0, $1.end.distance(from: $1.logStart))) }
        let indices = partitions.map(\.index)
        let all = indices.map { TopicPartition(topic: topic, partition: $0) }
        if let segments = try await backend.segments(of: topic, partitions: indices) {
            deletion = DeletionPlan(of: segments, from: before, to: after, now: now)
        } else {
            deletion = try await Self.estimate(all, from: before, to: after, backend, now)
        }
        hiddenRecords = try await Self.hidden(all, from: before, to: after, backend, now)
    }

    private static func estimate(
        _ partitions: [TopicPartition], from before: KeepingRules, to after: KeepingRules,
        _ backend: any TopicBackend, _ now: Timestamp
    ) async throws -> DeletionPlan {
        var keepsLess = KeepingRules()
        if let age = after.ageMax, age < before.ageMax ?? .max { keepsLess.retentionMilliseconds = age }
        if let bytes = after.bytesMax, bytes < before.bytesMax ?? .max { keepsLess.retentionBytes = bytes }
        let positions = try await backend.positions(at: partitions.reduce(into: [:]) { $0[$1] = 0 })
        var sizes: [TopicPartition: Int64] = [:]
        for directory in try await backend.directories() { sizes.merge(directory.sizes) { max($0, $1) } }
        let uses = partitions.map { PartitionUse(partition: $0, bytes: sizes[$0]) }
        var firstKept: [TopicPartition: Offset]?
        if let age = keepsLess.ageMax {
            firstKept = try await backend.firstOffsets(at: now.before(age), in: partitions)
        }
        return DeletionPlan(of: uses, positions, firstKept: firstKept, to: keepsLess)
    }

    /// Records in the order of the log that are older than they may become to be read, but for those that go anyway.
    private static func hidden(
        _ partitions: [TopicPartition], from before: KeepingRules, to after: KeepingRules,
        _ backend: any TopicBackend, _ now: Timestamp
    ) async throws -> Int64 {
        guard let span = after.recordTTLMilliseconds, span < before.recordTTLMilliseconds ?? .max else { return 0 }
        let positions = try await backend.positions(at: partitions.reduce(into: [:]) { $0[$1] = 0 })
        let first = try await backend.firstOffsets(at: now.before(span), in: partitions)
        return positions.reduce(0) { sum, item in
            let (partition, position) = item
            return sum.addingClamped(max(0, (first[partition] ?? position.end).distance(from: position.logStart)))
        }
    }

    /// What it does to records that are there, a sentence each; the first word is a verb. Nothing: it does nothing to them.
    var effects: [String] {
        guard records > 0 else { return [] }
        var effects: [String] = []
        if !deletion.isEmpty { effects.append(deletion.text) }
        if hiddenRecords > deletion.records {
            effects.append("hide \(hiddenRecords.grouped) of \(records.grouped) records from readers")
        }
        if after.readsTTLHeaders, !before.readsTTLHeaders {
            effects.append("hide from readers the records whose header martlet-ttl-ms says that their time is over")
        }
        if after.compacts, !before.compacts {
            effects.append(
                "compact what is there: of each key only the last record stays (how many go is not known before)")
        }
        return effects
    }

    /// Nothing of what is there stays.
    var deletesEverything: Bool { records > 0 && deletion.records >= records }
}

extension Timestamp {
    /// So many milliseconds earlier; nothing is before 1970.
    func before(_ span: Int64) -> Timestamp {
        let (milliseconds, overflow) = milliseconds.subtractingReportingOverflow(span)
        return Timestamp(milliseconds: overflow ? 0 : max(0, milliseconds))
    }
}
