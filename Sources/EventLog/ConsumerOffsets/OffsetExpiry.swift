/// Offsets of a group that nobody has committed for long.
package struct ExpiringOffsets: Hashable, Sendable {
    package var group: String
    /// By topic and partition.
    package var offsets: [String: [Int32: CommittedOffset]]

    package var count: Int { offsets.values.reduce(0) { $0 + $1.count } }
}

extension StoredGroup {
    /// The offsets that were committed before `limit`, where the group has had no members since then, either.
    func expiring(before limit: Timestamp) -> ExpiringOffsets? {
        guard !hasMembers else { return nil }
        // Kafka counts from when the group became empty.
        if let classicState, classicState.protocolType != nil, classicState.timestamp >= limit { return nil }
        let old = offsets.mapValues { $0.filter { $0.value.timestamp < limit } }.filter { !$0.value.isEmpty }
        return old.isEmpty ? nil : ExpiringOffsets(group: id, offsets: old)
    }
}

extension ConsumerOffsets {
    /// What would expire now where offsets are kept since `limit`, in order of groups. Groups with members keep theirs.
    package func expiring(before limit: Timestamp) -> [ExpiringOffsets] {
        groups.compactMap { $0.expiring(before: limit) }
    }

    /// Removes them, where nothing has been committed in their place meanwhile; and the state of a group that has nothing
    /// else. Returns how many offsets went. Waits for the disk.
    @discardableResult
    package func expire(_ list: [ExpiringOffsets]) throws(LogError) -> Int {
        let note = ChangeNote(kind: "expire", id: makeChangeID())
        var staged: [StagedChange] = []
        var count = 0
        for expiring in list {
            let entries = expiring.offsets.sorted { $0.key < $1.key }.flatMap { topic, partitions in
                partitions.keys.sorted().map { GroupEntry.removeOffset(topic: topic, partition: $0) }
            }
            let change = GroupChange(entries, by: .log, note: note)
            guard let done = try stage(change, in: expiring.group, where: { expiring.holds($0) }) else { continue }
            staged.append(done)
            count += done.entryCount
        }
        try finish(staged)
        for group in Set(list.map(\.group)) { try removeLeftState(of: group, note) }
        return count
    }

    /// A group of no offsets and no members is nothing.
    private func removeLeftState(of id: String, _ note: ChangeNote) throws(LogError) {
        guard let group = group(id), group.offsets.isEmpty, !group.hasMembers else { return }
        let change = GroupChange(group.stateKeys.map { .remove($0) }, by: .log, note: note)
        guard !change.entries.isEmpty, let staged = try stage(change, in: id, where: { !$0.hasMembers }) else { return }
        try finish([staged])
    }
}

extension ExpiringOffsets {
    /// Whether the group has still these, and what it has in their place is no newer.
    fileprivate func holds(_ group: StoredGroup) -> Bool {
        guard !group.hasMembers else { return false }
        return offsets.allSatisfy { topic, partitions in
            partitions.allSatisfy { group.offsets[topic]?[$0.key] == $0.value }
        }
    }
}
