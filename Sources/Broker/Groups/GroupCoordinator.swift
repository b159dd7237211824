internal import EventLog
internal import GroupCoordination
internal import KafkaProtocol
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// The consumer groups of this broker, by their ids. A group stands here while it has members, and from when it was
/// asked for; what is stored of the others lies in `offsets`.
final class GroupCoordinator: Sendable {
    let offsets: ConsumerOffsets
    private let inForce: Mutex<InForce>
    let logger: Logger
    private let loops: [BrokerLoop]
    private let table = Mutex(Table())
    private let log: EventLog
    private let snapshot: Mutex<TopicsSnapshot>
    /// Held while groups are told of topics: two changes must not overtake each other.
    private let topicsChange = Mutex(())
    private let isPrepared: Atomic<Bool>
    let clientLog: ClientLog
    private let groupsMax: Atomic<Int>
    private let memberBytesMax: Atomic<Int>
    private let memberBytes = Atomic<Int>(0)
    private let memory: MemoryBudget

    private struct InForce {
        let settings: GroupSettings
        let rules: GroupRules
        let consumerRules: ConsumerGroupRules

        init(_ settings: GroupSettings) {
            self.settings = settings
            rules = settings.rules
            consumerRules = settings.consumerRules
        }
    }

    private struct Table {
        var groups: [String: CoordinatedGroup] = [:]
        /// The broker stops: nobody is coordinated here any more.
        var isStopped = false
    }

    /// Takes back the groups that have members: their sessions begin now.
    init(
        _ log: EventLog, _ offsets: ConsumerOffsets, _ settings: GroupSettings, _ limits: Limits, loops: [BrokerLoop],
        memory: MemoryBudget, logger: Logger, clientLog: ClientLog
    ) {
        self.log = log
        self.memory = memory
        snapshot = Mutex(TopicsSnapshot(log))
        self.offsets = offsets
        inForce = Mutex(InForce(settings))
        self.loops = loops
        self.logger = logger
        self.clientLog = clientLog
        groupsMax = Atomic(limits.groups)
        memberBytesMax = Atomic(limits.groupBytes)
        offsets.limit(to: limits.offsetBytes)
        isPrepared = Atomic(offsets.isPrepared)
        for stored in offsets.groups where stored.hasMembers { _ = existing(stored.id) }
    }

    var now: Instant { Instant(.now()) }

    // MARK: Settings

    var settings: GroupSettings { inForce.withLock { $0.settings } }
    var rules: GroupRules { inForce.withLock { $0.rules } }
    var consumerRules: ConsumerGroupRules { inForce.withLock { $0.consumerRules } }

    /// Groups go by these from now on; timers that run go on.
    func apply(_ settings: GroupSettings, _ limits: Limits) {
        groupsMax.store(limits.groups, ordering: .relaxed)
        memberBytesMax.store(limits.groupBytes, ordering: .relaxed)
        offsets.limit(to: limits.offsetBytes)
        let new = InForce(settings)
        // First: a group that comes to be meanwhile takes its rules from here.
        inForce.withLock { $0 = new }
        for group in groups { _ = group.withMachine { state, _ in state.machine.take(new.rules, new.consumerRules) } }
    }

    // MARK: What members say

    /// Whether the members of all groups together may say so much more than they do. Whoever says no more than before
    /// goes on, however little room there is.
    func hasRoom(forMembers growth: Int) -> Bool {
        guard growth > 0 else { return true }
        let own = memberBytesMax.load(ordering: .relaxed)
        let most = min(own, memory.keptByteCountMax)
        guard memberBytes.load(ordering: .relaxed) > most - growth else { return true }
        clientLog.write(
            .warning, "the members of groups say too much: nobody joins",
            ["limit": most < own ? "a quarter of memory.max.bytes=\(most)" : "groups.members.max.bytes=\(most)"])
        return false
    }

    func countMembers(bytes change: Int) {
        guard change != 0 else { return }
        memberBytes.wrappingAdd(change, ordering: .relaxed)
        memory.keep(change)
    }

    // MARK: Groups by id

    /// The group; nil: there is none of that name, not even by its offsets.
    private func existing(_ id: String) -> CoordinatedGroup? {
        let found = table.withLock { table -> Found? in
            if let group = table.groups[id] { return Found(group: group) }
            guard let stored = offsets.group(id) else { return nil }
            return add(id, restoring: stored, to: &table)
        }
        return found.map(begun)
    }

    /// The group as it is, or a new one.
    private func group(_ id: String) throws(GroupShortage) -> CoordinatedGroup {
        let most = groupsMax.load(ordering: .relaxed)
        let found = try table.withLock { table throws(GroupShortage) -> Found in
            if let group = table.groups[id] { return Found(group: group) }
            let stored = offsets.group(id)
            if stored == nil {
                // Those that stand here, or have something stored: the two are not added up, as most are both.
                guard table.groups.count < most, offsets.groupCount < most else { throw .tooMany(limit: most) }
                guard offsets.hasRoom(forGroup: id) else { throw .noRoom(limit: offsets.byteCountMax) }
            }
            return add(id, restoring: stored, to: &table)
        }
        return begun(found)
    }

    private struct Found {
        let group: CoordinatedGroup
        var isNew = false
        var isStopped = false
    }

    private func add(_ id: String, restoring stored: StoredGroup?, to table: inout Table) -> Found {
        let group = CoordinatedGroup(id, self, loop(of: id), restoring: stored)
        table.groups[id] = group
        offsets.beginCoordinating(id)
        return Found(group: group, isNew: true, isStopped: table.isStopped)
    }

    /// Of members that were stored the sessions begin: a timer is set. Where the broker stops, the group is over at once.
    private func begun(_ found: Found) -> CoordinatedGroup {
        guard found.isNew else { return found.group }
        _ = found.group.withMachine { state, _ in if found.isStopped { state.machine.unload() } }
        return found.group
    }

    private func loop(of id: String) -> BrokerLoop { loops[abs(id.hashValue % loops.count)] }

    /// Calls `body` with the group's machine; nil: there is no such group.
    func withExisting<R: Sendable>(
        _ id: String, mayDrop: Bool = false,
        _ body: (CoordinatedGroup, inout CoordinatedGroup.State, Instant) -> R
    ) -> R? {
        while let group = existing(id) {
            if let result = group.withMachine(mayDrop: mayDrop, { body(group, &$0, $1) }) { return result }
            forget(group)
        }
        return nil
    }

    /// The same with a group that comes to be where it was not, if there may be one more.
    func withGroup<R: Sendable>(
        _ id: String, mayDrop: Bool = false,
        _ body: (CoordinatedGroup, inout CoordinatedGroup.State, Instant) -> R
    ) throws(GroupShortage) -> R {
        do throws(GroupShortage) {
            while true {
                let group = try group(id)
                if let result = group.withMachine(mayDrop: mayDrop, { body(group, &$0, $1) }) { return result }
                forget(group)
            }
        } catch {
            logShortage(error, refusing: id)
            throw error
        }
    }

    private func logShortage(_ shortage: GroupShortage, refusing id: String) {
        switch shortage {
        case .noRoom(let limit): logNoRoom(limit, refusing: id)
        case .tooMany(let limit):
            clientLog.write(
                .warning, "there are too many groups: one is refused",
                ["group": "\(id.abbreviated)", "limit": "groups.max.count=\(limit)"])
        }
    }

    func logNoRoom(_ limit: Int, refusing id: String) {
        clientLog.write(
            .warning,
            "there is no room for what groups commit: what is new is refused; delete groups or offsets, or raise the limit",
            ["group": "\(id.abbreviated)", "limit": "groups.offsets.max.bytes=\(limit)"])
    }

    func forget(_ group: CoordinatedGroup) {
        table.withLock { table in
            guard table.groups[group.id] === group else { return }
            table.groups[group.id] = nil
            offsets.endCoordinating(group.id)
        }
    }

    /// Drops the group where nothing is left of it.
    func dropIfUnused(_ id: String) {
        let group = table.withLock { $0.groups[id] }
        _ = group?.withMachine(mayDrop: true) { _, _ in }
    }

    /// Those that stand here.
    var groups: [CoordinatedGroup] { table.withLock { Array($0.groups.values) } }

    /// True: the broker stops, and its groups are dead here, not gone.
    var isStopped: Bool { table.withLock { $0.isStopped } }

    /// Sends everyone who waits for others elsewhere: the broker stops.
    func stop() {
        let groups = table.withLock { table in
            table.isStopped = true
            return Array(table.groups.values)
        }
        for group in groups { _ = group.withMachine { state, _ in state.machine.unload() } }
    }

    /// After everything else has ended: groups and coordinator hold each other.
    func clear() { table.withLock { $0.groups = [:] } }

    // MARK: Topics

    /// The topics that there are, as groups by the consumer protocol see them.
    var topics: TopicsSnapshot { snapshot.withLock { $0 } }

    /// Topics were created, deleted, or got more partitions. Not on an event loop: each group looks what it means for it.
    func topicsChanged() {
        topicsChange.withLock { _ in
            let topics = TopicsSnapshot(log)
            snapshot.withLock { $0 = topics }
            for group in groups { _ = group.withMachine { state, now in state.machine.topicsChanged(topics, at: now) } }
        }
    }

    // MARK: The topic of offsets

    /// Runs `body` on the call's loop once there is a place for offsets, or with the reason why there is none.
    func prepared(_ call: Call, _ body: @escaping (LogError?) -> Void) {
        if isPrepared.load(ordering: .acquiring) { return body(nil) }
        call.workBlocking {
            self.prepare()
        } then: {
            body($0)
        }
    }

    /// Waits for the disk.
    private func prepare() -> LogError? {
        do throws(LogError) {
            try offsets.prepare(partitionCount: Int(settings.offsetsPartitions))
            topicsChanged()
            isPrepared.store(true, ordering: .releasing)
            return nil
        } catch {
            logger.error("there is no place for the offsets of groups", metadata: ["error": "\(error)"])
            return error
        }
    }
}

extension TopicsSnapshot {
    fileprivate init(_ log: EventLog) {
        let known = log.topics.map { topic in
            let partitionCount = Int32(clamping: topic.partitions.count)
            let isInternal = InternalTopics.contains(topic.name)
            return (
                topic.name,
                TopicsSnapshot.Topic(
                    key: TopicKey(topic.id), partitionCount: partitionCount, isInternal: isInternal)
            )
        }
        self.init(Dictionary(known) { $1 })
    }
}
