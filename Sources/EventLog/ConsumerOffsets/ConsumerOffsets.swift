internal import Glibc
internal import Logging
internal import Storage
internal import Synchronization

/// What the consumer groups of a directory have committed: records of the topic `__consumer_offsets`, by Kafka's
/// schemas, and in memory for reading.
///
/// Each partition of the topic is a shard with a lock of its own. A change of a group is one batch, so it is there as a
/// whole or not at all; readers see it once it is durable.
package final class ConsumerOffsets: Sendable {
    package static let topicName = "__consumer_offsets"
    package static let partitionCountDefault = 50

    weak let log: EventLog?
    private let topics: TopicTable
    private let committer: Committer
    private let environment: Environment
    private let logger: Logger
    /// None before the topic is there.
    let shards = Mutex<[OffsetsShard]>([])
    private let preparation = Monitor(Turn())
    /// `offsets.history.ms`, for the topic that is to be created.
    let history = Atomic(OffsetsTopic.historyDefault)
    let budget = OffsetsBudget()

    init(of log: EventLog, topics: TopicTable) {
        self.log = log
        self.topics = topics
        committer = log.committer
        environment = log.options.environment
        logger = log.logger
    }

    // MARK: The topic

    /// True: the topic is there.
    package var isPrepared: Bool { shards.withLock { !$0.isEmpty } }

    /// Creates the topic where it is missing. Waits for the disk.
    package func prepare(partitionCount: Int = partitionCountDefault) throws(LogError) {
        if isPrepared { return }
        try withPreparation { () throws(LogError) in
            if isPrepared { return }
            guard let log else { throw .closed }
            do throws(LogError) {
                try log.createTopic(
                    Self.topicName, partitions: partitionCount,
                    settings: try OffsetsTopic.settings(history: history.load(ordering: .acquiring)))
            } catch .topicExists {}
            guard let topic = offsetsTopic else { throw .unknownTopic(Self.topicName) }
            try load(topic)
        }
    }

    /// Whoever creates the topic or changes how it is kept does so alone.
    func withPreparation(_ body: () throws(LogError) -> Void) throws(LogError) {
        try preparation.withLock { _ throws(LogError) in try body() }
    }

    /// nil: it is not there yet.
    var offsetsTopic: Topic? { topics.topic(Self.topicName) }

    /// Reads what is stored, where there is something.
    func load() throws(LogError) {
        if let topic = offsetsTopic { try load(topic) }
    }

    private func load(_ topic: Topic) throws(LogError) {
        let loaded = topic.partitions.map { OffsetsShard($0, environment.fileSystem, budget: budget, logger: logger) }
        let next = Atomic(0)
        let failure = Mutex<LogError?>(nil)
        let work: @Sendable () -> Void = {
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < loaded.count else { return }
                do throws(LogError) { try loaded[index].load() } catch { failure.withLock { $0 = error } }
            }
        }
        let threads = environment.footprint.runsThreads ? min(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 8) : 1
        let helpers = (1..<max(1, threads)).map { _ in
            WorkerThread(name: "martlet-groups", work)
        }
        work()
        for helper in helpers { helper.join() }
        if let failure = failure.withLock({ $0 }) { throw failure }
        shards.withLock { $0 = loaded }
    }

    /// The number of the partition that has a group's records: of `partitionCountDefault` where there is none yet.
    package func shard(of group: String) -> Int {
        let count = shards.withLock { $0.count }
        return GroupPlacement.partition(of: group, count: count == 0 ? Self.partitionCountDefault : count)
    }

    /// The one that has a group's records; nil: there is none yet.
    func partition(of group: String) -> Partition? { shard(for: group)?.partition }

    private func shard(for group: String) -> OffsetsShard? {
        shards.withLock { shards in
            shards.isEmpty ? nil : shards[GroupPlacement.partition(of: group, count: shards.count)]
        }
    }

    // MARK: Reading

    /// Every group that has something stored, in order of names.
    package var groupIDs: [String] {
        shards.withLock { $0 }.flatMap { $0.withContents { Array($0.groups.keys) } }.sorted()
    }

    /// How many have something stored.
    package var groupCount: Int {
        shards.withLock { $0 }.reduce(0) { $0 + $1.withContents { $0.groups.count } }
    }

    /// Every group with what is stored of it, in order of names.
    package var groups: [StoredGroup] {
        shards.withLock { $0 }.flatMap { $0.withContents { Array($0.groups.values) } }.sorted { $0.id < $1.id }
    }

    /// What is durable of a group; nil: nothing.
    package func group(_ id: String) -> StoredGroup? { shard(for: id)?.withContents { $0.groups[id] } }

    package func committedOffset(_ group: String, _ topic: String, _ partition: Int32) -> CommittedOffset? {
        shard(for: group)?.withContents { $0.groups[group]?.offsets[topic]?[partition] }
    }

    /// The offset that was accepted last, durable or not yet: what `before` says in the note of a change that is appended
    /// now.
    package func latestOffset(_ group: String, _ topic: String, _ partition: Int32) -> CommittedOffset? {
        shard(for: group)?.latest(group, topic, partition)
    }

    /// The same of all that the group has.
    package func latestGroup(_ id: String) -> StoredGroup { shard(for: id)?.latest(id) ?? StoredGroup(id: id) }

    // MARK: Changing

    /// Appends a change as one batch: all of it becomes durable, or nothing. Never waits for the disk. Readers see it
    /// once it is durable; `outcome` tells, after the ticket's round.
    ///
    /// Rejected: `unknownTopic` where an offset's topic is not there, or `__consumer_offsets` itself (`prepare` comes
    /// first); `invalidGroup` where a text is longer than Kafka's schemas have room for; `offsetsFull` where it
    /// commits something new, or something longer than before, and there is no room for more.
    package func append(_ change: GroupChange, to group: String, isCommittedByCaller: Bool = false) -> AppendOutcome {
        // Without a condition there is an outcome.
        append(change, to: group, isCommittedByCaller: isCommittedByCaller, where: nil) ?? .rejected(.closed)
    }

    private func append(
        _ change: GroupChange, to group: String, isCommittedByCaller: Bool, where condition: ((StoredGroup) -> Bool)?
    ) -> AppendOutcome? {
        guard let shard = shard(for: group) else { return .rejected(.unknownTopic(Self.topicName)) }
        guard group.hasRoomInSchema, change.entries.allSatisfy(\.isEncodable) else {
            return .rejected(.invalidGroup(group, reason: "a name or text in it has more than 32,767 bytes"))
        }
        func tryOnce() -> AppendOutcome? {
            shard.append(
                change, to: group, at: environment.now(), isCommittedByCaller: isCommittedByCaller, topics: topics,
                where: condition)
        }
        let outcome = tryOnce()
        guard case .rejected(.offsetsFull) = outcome else { return outcome }
        countAnew()
        return tryOnce()
    }

    /// After the ticket's round: nil if the change is durable, else why not.
    package func outcome(of ticket: AppendTicket, in group: String) -> LogError? {
        guard let shard = shard(for: group) else { return .unknownTopic(Self.topicName) }
        return shard.partition.outcome(of: ticket)
    }

    /// Appends a change and returns when it is durable. Waits for the disk.
    package func store(_ change: GroupChange, in group: String) throws(LogError) {
        guard let staged = try stage(change, in: group, isCommittedByCaller: true) else { return }
        try finish([staged])
    }

    /// The same, suspending the task.
    package func store(_ change: GroupChange, in group: String) async throws(LogError) {
        while true {
            switch append(change, to: group) {
            case .full(let round): await committer.rounds.reached(round)
            case .rejected(let error): throw error
            case .accepted(let ticket), .duplicate(let ticket):
                await committer.rounds.reached(ticket.round)
                if let failure = outcome(of: ticket, in: group) { throw failure }
                return
            }
        }
    }

    /// Appends a change, waiting for room; nil where the condition does not hold.
    func stage(
        _ change: GroupChange, in group: String, isCommittedByCaller: Bool = false,
        where condition: ((StoredGroup) -> Bool)? = nil
    ) throws(LogError) -> StagedChange? {
        while let outcome = append(change, to: group, isCommittedByCaller: isCommittedByCaller, where: condition) {
            switch outcome {
            case .full(let round): committer.waitLeading(for: round)
            case .rejected(let error): throw error
            case .accepted(let ticket), .duplicate(let ticket):
                return StagedChange(ticket: ticket, group: group, entryCount: change.entries.count)
            }
        }
        return nil
    }

    /// Waits until the changes are durable.
    func finish(_ staged: [StagedChange]) throws(LogError) {
        #if PLANTED_BUGS
        if PlantedBug.commitAcknowledgedEarly.isPlanted { return }
        #endif
        guard let last = staged.map(\.ticket.round).max() else { return }
        committer.waitLeading(for: last)
        for change in staged { if let failure = outcome(of: change.ticket, in: change.group) { throw failure } }
    }

    /// A name for a change: no other has it.
    package func makeChangeID() -> String {
        let text = String(environment.random(), radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }

    // MARK: How much there may be

    /// What is kept of all groups in memory, in bytes, with what is on its way: names, texts, and what the tables take.
    package var byteCount: Int {
        countAnew()
        return budget.byteCount
    }

    /// Lets what is kept grow to so many bytes. Without this there is no limit. What is there already stays, and is
    /// replaced by what takes no more, also past it.
    package func limit(to byteCount: Int) { budget.limit(to: byteCount) }

    package var byteCountMax: Int { budget.byteCountMax }

    /// Whether there is room for one group more, of which nothing is stored.
    package func hasRoom(forGroup id: String) -> Bool { hasRoom(for: OffsetsSize.group(id)) }

    /// The error that a change would be refused with for want of room, as things are now.
    package func shortage(for entries: [GroupEntry], in group: String) -> LogError? {
        guard let shard = shard(for: group), !hasRoom(for: shard.growth(by: entries, in: group)) else { return nil }
        return .offsetsFull(limit: budget.byteCountMax)
    }

    private func hasRoom(for growth: Int) -> Bool {
        if budget.hasRoom(for: growth) { return true }
        countAnew()
        return budget.hasRoom(for: growth)
    }

    /// A group is coordinated from now on: its name and what belongs to it lie beside what is stored of it.
    package func beginCoordinating(_ id: String) { budget.add(OffsetsSize.group(id)) }
    package func endCoordinating(_ id: String) { budget.add(-OffsetsSize.group(id)) }

    /// What has been given back counts when somebody looks at its shard.
    private func countAnew() {
        for shard in shards.withLock({ $0 }) { shard.withContents { _ in } }
    }

    // MARK: Snapshots

    /// Writes the snapshots that are due, or `always` those that have anything new to say.
    package func writeSnapshots(always: Bool) {
        for shard in shards.withLock({ $0 }) { shard.writeSnapshot(always: always) }
    }

    // MARK: Topics that are gone

    /// Removes what groups have committed to a topic that is not there any more. Waits for the disk.
    func removeOffsets(ofTopic name: String) throws(LogError) {
        try removeOffsets { $0 == name }
    }

    /// The same for all topics that are not there: of what a crash left behind.
    func removeOrphans() throws(LogError) {
        try removeOffsets { topics.topic($0) == nil }
    }

    private func removeOffsets(where isGone: (String) -> Bool) throws(LogError) {
        let shards = shards.withLock { $0 }
        // Whoever found the topic has appended by now, and that is durable.
        for shard in shards { shard.pass() }
        committer.flush()
        let note = ChangeNote(kind: "topic-deleted", id: makeChangeID())
        var staged: [StagedChange] = []
        for (group, keys) in shards.flatMap({ $0.withContents { $0.offsetKeys(where: isGone) } }) {
            let change = GroupChange(keys.map { .remove($0) }, by: .log, note: note)
            if let done = try stage(change, in: group) { staged.append(done) }
        }
        try finish(staged)
    }
}

/// A change on its way to the disk.
struct StagedChange {
    let ticket: AppendTicket
    let group: String
    let entryCount: Int
}

extension ShardContents {
    fileprivate func offsetKeys(where isGone: (String) -> Bool) -> [(group: String, keys: [GroupKey])] {
        groups.values.compactMap { group in
            let keys = group.offsets.filter { isGone($0.key) }.flatMap { topic, partitions in
                partitions.keys.sorted().map { GroupKey.offset(topic: topic, partition: $0) }
            }
            return keys.isEmpty ? nil : (group.id, keys)
        }
    }
}

extension ChangeAuthor {
    /// What the log does by itself.
    static let log = ChangeAuthor(principal: "martlet", clientID: "log", address: "local")
}
