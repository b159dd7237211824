import EventLog
import Glibc
import KafkaClient

/// Groups in the data directory of a broker that does not run: what it would answer, and changes that it finds when it
/// starts.
struct DirectoryGroups: GroupBackend {
    private let log: EventLog
    private let stored: ConsumerOffsets

    init(at path: String) throws {
        log = try DataDirectory.open(at: path)
        do {
            stored = try log.consumerOffsets()
        } catch {
            try? log.close()
            throw error
        }
    }

    func close() throws { try log.close() }

    func groups() async throws -> [GroupSummary] {
        stored.groups.map { group in
            GroupSummary(id: group.id, state: group.stateName, type: group.type, protocolType: group.protocolType)
        }
    }

    func describe(_ group: String) async throws -> GroupDescription {
        guard let group = stored.group(group) else { throw KafkaClientError.unknownGroup(group) }
        return GroupDescription(
            id: group.id, state: group.stateName, type: group.type, assignor: group.assignor,
            epoch: group.consumerState?.metadata.map { Int($0.epoch) }, coordinator: nil, members: members(of: group))
    }

    func offsets(of group: String) async throws -> [TopicPartition: GroupOffset] { storedOffsets(of: group) }

    private func storedOffsets(of group: String) -> [TopicPartition: GroupOffset] {
        var offsets: [TopicPartition: GroupOffset] = [:]
        for (topic, partitions) in stored.group(group)?.offsets ?? [:] {
            for (partition, committed) in partitions {
                offsets[TopicPartition(topic: topic, partition: Int(partition))] = GroupOffset(
                    offset: committed.offset,
                    leaderEpoch: committed.leaderEpoch < 0 ? nil : Int(committed.leaderEpoch),
                    metadata: committed.metadata)
            }
        }
        return offsets
    }

    func partitionCounts() async throws -> [String: Int] {
        log.topics.reduce(into: [:]) { $0[$1.name] = $1.partitions.count }
    }

    func positions(at offsets: [TopicPartition: Offset]) async throws -> [TopicPartition: DescribedPosition] {
        var found: [TopicPartition: DescribedPosition] = [:]
        for (partition, offset) in offsets {
            guard let stored = self.partition(partition) else { continue }
            found[partition] = try stored.described(at: offset)
        }
        return found
    }

    func firstOffsets(at time: Timestamp, in partitions: [TopicPartition]) async throws -> [TopicPartition: Offset] {
        var found: [TopicPartition: Offset] = [:]
        for partition in partitions {
            // As a broker takes it: before 1970 there is nothing.
            let time = max(time, Timestamp(milliseconds: 0))
            found[partition] = try self.partition(partition)?.offset(at: time)?.offset
        }
        return found
    }

    private func partition(_ partition: TopicPartition) -> Partition? {
        log.topic(partition.topic)?.partition(partition.partition)
    }

    func lastEvents() async throws -> [String: Timestamp] {
        stored.groups.reduce(into: [:]) { $0[$1.id] = $1.lastChange }
    }

    /// It is the broker's setting, not the directory's.
    func offsetsRetention() async throws -> Int64? { nil }

    func reduceEvents<R>(
        of group: String, into result: inout R, _ body: (inout R, GroupEvent) throws -> Void
    ) async throws -> Bool { try goThroughEvents(of: group, &result, body) }

    func historyStart(now: Timestamp) async throws -> Timestamp {
        stored.historyStart(now: now) ?? Timestamp(milliseconds: .min)
    }

    private func goThroughEvents<R>(
        of group: String, _ result: inout R, _ body: (inout R, GroupEvent) throws -> Void
    ) throws -> Bool {
        var failure: (any Error)?
        let hasGap = try stored.forEachRecord(of: group) { record, followsGap in
            guard var event = GroupEvent(record) else { return true }
            event.followsGap = followsGap
            do { try body(&result, event) } catch { failure = error }
            return failure == nil
        }
        if let failure { throw failure }
        return hasGap
    }
}

// MARK: Changes

extension DirectoryGroups {
    func alter(
        _ group: String, to offsets: [TopicPartition: GroupOffset?], kind: String, onlyIfEmpty: Bool
    ) async throws -> GroupOffsetsChange {
        let current = stored.group(group)
        if onlyIfEmpty, current?.hasMembers == true { throw KafkaClientError.nonEmptyGroup(group) }
        for (partition, target) in offsets {
            if let target { try check(partition, target.offset) }
        }
        let before = storedOffsets(of: group)
        let entries = offsets.sorted { $0.key < $1.key }.map { partition, target -> GroupEntry in
            let index = Int32(clamping: partition.partition)
            guard let target else { return .removeOffset(topic: partition.topic, partition: index) }
            return .offset(
                topic: partition.topic, partition: index,
                CommittedOffset(
                    target.offset, leaderEpoch: Int32(clamping: target.leaderEpoch ?? -1), metadata: target.metadata))
        }
        let id = stored.makeChangeID()
        try store(entries + (current?.eviction ?? []), ChangeNote(kind: kind, id: id), in: group)
        return GroupOffsetsChange(
            id: id, fencedMembers: current?.memberCount ?? 0,
            before: offsets.keys.reduce(into: [:]) { $0[$1] = .some(before[$1]?.offset) })
    }

    func delete(_ group: String) async throws {
        guard let current = stored.group(group) else { throw KafkaClientError.unknownGroup(group) }
        guard !current.hasMembers else { throw KafkaClientError.nonEmptyGroup(group) }
        try store(current.removal, ChangeNote(kind: "delete", id: stored.makeChangeID()), in: group)
    }

    func deleteOffsets(of group: String, _ partitions: [TopicPartition]) async throws {
        guard let current = stored.group(group) else { throw KafkaClientError.unknownGroup(group) }
        let read = Set(members(of: current).flatMap(\.topics))
        guard !partitions.contains(where: { read.contains($0.topic) }) else {
            throw KafkaClientError.subscribedGroup(group)
        }
        let entries = partitions.map { partition in
            GroupEntry.removeOffset(topic: partition.topic, partition: Int32(clamping: partition.partition))
        }
        try store(entries, ChangeNote(kind: "delete-offsets", id: stored.makeChangeID()), in: group)
    }

    private func store(_ entries: [GroupEntry], _ note: ChangeNote, in group: String) throws {
        try stored.prepare()
        let author = ChangeAuthor(principal: "User:\(Self.user)", clientID: "martlet", address: "local")
        try stored.store(GroupChange(entries, by: author, note: note), in: group)
    }

    /// Who runs the command.
    private static var user: String {
        guard let entry = getpwuid(getuid()), let name = entry.pointee.pw_name else { return String(getuid()) }
        return String(cString: name)
    }

    private func check(_ partition: TopicPartition, _ offset: Offset) throws {
        guard let topic = log.topic(partition.topic) else { throw KafkaClientError.unknownTopic(partition.topic) }
        guard let found = topic.partition(partition.partition) else {
            throw KafkaClientError.unknownPartition(
                topic: partition.topic, partition: partition.partition, count: topic.partitions.count)
        }
        guard offset >= found.logStart, offset <= found.end else {
            throw KafkaClientError.offsetOutOfRange(
                topic: partition.topic, partition: partition.partition, offset: offset)
        }
    }
}

// MARK: Members

extension DirectoryGroups {
    private func members(of group: StoredGroup) -> [GroupDescription.Member] {
        if let consumer = group.consumerState { return members(of: consumer) }
        return group.classicState?.members.map { member in
            GroupDescription.Member(
                id: member.id, instanceID: member.instanceID, clientID: member.clientID, host: member.clientHost,
                metadata: member.metadata, assignment: member.assignment)
        } ?? []
    }

    private func members(of group: ConsumerGroupState) -> [GroupDescription.Member] {
        group.members.compactMap { id, member in
            guard let metadata = member.metadata else { return nil }
            let assignment = (member.current?.assigned ?? []).flatMap { topic -> [TopicPartition] in
                guard let name = log.topic(id: topic.topicID)?.name else { return [] }
                return topic.partitions.map { TopicPartition(topic: name, partition: Int($0)) }
            }
            return GroupDescription.Member(
                id: id, instanceID: metadata.instanceID, clientID: metadata.clientID, host: metadata.clientHost,
                topics: metadata.topicNames.sorted(), assignment: assignment.sorted(),
                epoch: member.current.map { Int($0.memberEpoch) })
        }
    }
}

extension StoredGroup {
    /// As a broker calls it when it starts, and its members come back.
    fileprivate var stateName: String {
        guard hasMembers else { return "Empty" }
        guard let consumerState, let target = consumerState.target?.epoch else { return "Stable" }
        if consumerState.metadata?.epoch ?? target > target { return "Assigning" }
        let isReconciled = consumerState.members.values.allSatisfy { $0.current?.memberEpoch == target }
        return isReconciled ? "Stable" : "Reconciling"
    }

    fileprivate var type: String { consumerState == nil ? "classic" : "consumer" }
    fileprivate var protocolType: String { consumerState == nil ? classicState?.protocolType ?? "" : "consumer" }
    fileprivate var memberCount: Int { (classicState?.members.count ?? 0) + (consumerState?.members.count ?? 0) }

    fileprivate var assignor: String {
        guard let consumerState else { return classicState?.protocolName ?? "" }
        return consumerState.members.values.lazy.compactMap { $0.metadata?.serverAssignor }.first ?? "uniform"
    }

    /// What puts stored members out: when the broker starts they are unknown, and come back at the offsets of the change.
    fileprivate var eviction: [GroupEntry] {
        guard hasMembers else { return [] }
        var entries: [GroupEntry] = []
        if var state = classicState, !state.members.isEmpty {
            state.generation &+= 1
            state.protocolName = nil
            state.leader = nil
            state.members = []
            state.timestamp = .none
            entries.append(.classicState(state))
        }
        if let state = consumerState, !state.members.isEmpty {
            for key in stateKeys {
                switch key {
                case .member, .memberTarget, .memberCurrent: entries.append(.remove(key))
                case .offset, .classicState, .consumerGroup, .partitionMetadata, .targetAssignment, .regularExpression:
                    break
                }
            }
            var metadata = state.metadata ?? ConsumerGroupMetadata(epoch: 0)
            metadata.epoch &+= 1
            entries.append(.consumerGroup(metadata))
        }
        return entries
    }
}
