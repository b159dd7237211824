internal import EventLog
internal import GroupCoordination

/// The state machine of a group, by the classic protocol or by the consumer protocol (KIP-848): one of the two is there.
/// Two places and not an enum, so that a machine is changed where it lies.
struct GroupMachine: Sendable {
    var classic: ClassicGroup?
    var consumer: ConsumerProtocolGroup?
    /// Counts the machines that the group has had: what is stored for one must not be told to the next.
    private(set) var number = 0

    /// A new group is by the classic protocol: it becomes one of the other when someone joins so.
    init(_ id: String, _ coordinator: GroupCoordinator, restoring stored: StoredGroup?) {
        // Both are there where the removal of the one has failed: then members tell which it is.
        let isClassic = !(stored?.classicState?.members.isEmpty ?? true)
        if let state = stored?.consumerState, !state.members.isEmpty || !isClassic {
            consumer = ConsumerProtocolGroup(
                id: id, rules: coordinator.consumerRules, restoring: StoredConsumerGroup(state),
                topics: coordinator.topics, at: coordinator.now)
        } else if let state = stored?.classicState {
            classic = ClassicGroup(
                id: id, rules: coordinator.rules, restoring: GroupRecord(state), at: coordinator.now)
        } else {
            classic = ClassicGroup(id: id, rules: coordinator.rules)
        }
    }

    mutating func take(_ rules: GroupRules, _ consumerRules: ConsumerGroupRules) {
        classic?.rules = rules
        consumer?.rules = consumerRules
    }

    mutating func replace(by group: ClassicGroup) {
        (classic, consumer) = (group, nil)
        number += 1
    }

    mutating func replace(by group: ConsumerProtocolGroup) {
        (classic, consumer) = (nil, group)
        number += 1
    }
}

// MARK: What both can

extension GroupMachine {
    var isDead: Bool { classic.map { $0.state == .dead } ?? consumer?.isDead ?? true }
    var memberCount: Int { classic?.memberCount ?? consumer?.memberCount ?? 0 }
    /// What its members say of themselves and are assigned, about.
    var memberBytes: Int { (classic?.memberBytes ?? 0) + (consumer?.memberBytes ?? 0) }
    var isForgettable: Bool { classic?.isForgettable ?? consumer?.isForgettable ?? true }

    /// What lists show.
    var listed: (type: String, state: String, protocolType: String?) {
        if let consumer { return ("consumer", consumer.phase.name, SubscriptionMetadata.protocolType) }
        return ("classic", (classic?.state ?? .dead).wireName, classic?.protocolType)
    }

    mutating func wake(at now: Instant) {
        classic?.wake(at: now)
        consumer?.wake(at: now)
    }

    mutating func stored(_ number: StoreID, of machine: Int, succeeded: Bool, at now: Instant) {
        guard machine == self.number else { return }
        classic?.stored(number, succeeded: succeeded, at: now)
        consumer?.stored(number, succeeded: succeeded, at: now)
    }

    mutating func abandon(_ request: RequestID, at now: Instant) {
        classic?.abandon(request, at: now)
        consumer?.abandon(request)
    }

    mutating func leave(_ departures: [Departure], at now: Instant) throws(GroupError) -> [GroupError?] {
        if let results = try classic?.leave(departures, at: now) { return results }
        return try consumer?.leave(departures, at: now) ?? []
    }

    mutating func checkCommit(
        by member: MemberID, instanceID: InstanceID?, generation: Int32, at now: Instant
    ) throws(GroupError) {
        try classic?.checkCommit(by: member, instanceID: instanceID, generation: Generation(generation), at: now)
        try consumer?.checkCommit(by: member, epoch: GroupEpoch(generation))
    }

    mutating func delete() throws(GroupError) {
        try classic?.delete()
        try consumer?.delete()
    }

    mutating func unload() {
        classic?.unload()
        consumer?.unload()
    }

    mutating func topicsChanged(_ topics: TopicsSnapshot, at now: Instant) {
        consumer?.topicsChanged(topics, at: now)
    }

    // MARK: Moving offsets

    mutating func fence() throws(GroupError) {
        _ = try classic?.fence()
        _ = try consumer?.fence()
    }

    /// What is to be stored with the moved offsets.
    var fencedEntries: [GroupEntry] {
        if let record = classic?.fencedRecord { return [.classicState(ClassicGroupState(record))] }
        return consumer?.fencedRecords.map(GroupEntry.init) ?? []
    }

    /// - Parameter stored: whether the offsets were moved.
    mutating func lift(stored: Bool, at now: Instant) {
        classic?.lift(at: now)
        consumer?.lift(stored: stored, at: now)
    }

    /// What its members read. Throws where the group is none of consumers, so that nobody can say.
    func subscription() throws(GroupError) -> GroupSubscription {
        if let consumer { return .consumer(consumer) }
        guard let classic, classic.memberCount > 0 else { return .topics([]) }
        let description = classic.description
        guard description.protocolType == SubscriptionMetadata.protocolType else { throw .nonEmptyGroup }
        // While the group rebalances nobody knows what it will read.
        guard description.state == .stable,
            let topics = SubscriptionMetadata.topics(in: description.members.map(\.metadata))
        else { return .all }
        return .topics(topics)
    }
}

/// What the members of a group read.
enum GroupSubscription {
    case all
    case topics(Set<String>)
    case consumer(ConsumerProtocolGroup)

    func contains(_ topic: String) -> Bool {
        switch self {
        case .all: true
        case .topics(let topics): topics.contains(topic)
        case .consumer(let group): group.subscribes(to: topic)
        }
    }
}
