import TestSupport

@testable import GroupCoordination

/// A group by the consumer protocol among clients that join, give up partitions late, crash, come back and lose
/// answers, with topics that come and go, a disk that fails now and then, brokers that are killed, and operators who
/// move offsets. What it does follows from its seed alone; after each step it is checked.
final class ConsumerGroupSimulation {
    private(set) var steps = 0
    private(set) var group: ConsumerProtocolGroup
    /// How often something happened, to see that it does.
    private(set) var counts: [String: Int] = [:]
    /// How many invariants were looked at.
    var checks: Int { ownChecks + invariants.checks }
    private var ownChecks = 0
    /// What happened, where that was asked for.
    private(set) var trace: [String] = []

    private let rules: ConsumerGroupRules
    private let keepsTrace: Bool
    private var chance: SeededRandom
    private var now = Instant(milliseconds: 1000)
    private var timer: Instant?
    private var clients: [SimulatedConsumer] = []
    /// Processes that were replaced, and may not know it: they go on with what they own.
    private var zombies: [SimulatedConsumer] = []
    private var isCalm = false

    private var lastNumber: UInt64 = 0
    /// Requests that were not answered yet: of which client.
    private var outstanding: [RequestID: Int] = [:]
    /// How those of zombies are to be refused.
    private var zombieRequests: [RequestID: GroupError] = [:]
    private var topics: [String: TopicsSnapshot.Topic] = [:]
    private var disk = SimulatedRecords()
    private var invariants = ConsumerGroupInvariants()
    /// While a fence stands: who waited or joined behind it must not be told anything good.
    private var isFenced = false
    /// Who was evicted by a fence, up to which epoch: never to commit in it again.
    private var evicted: [MemberID: GroupEpoch] = [:]

    init(seed: UInt64, keepsTrace: Bool = false) {
        chance = SeededRandom(seed: seed)
        self.keepsTrace = keepsTrace
        var rules = ConsumerGroupRules()
        rules.sessionTimeout = [8000, 12_000].randomElement(using: &chance)!
        rules.membersMax = Int.random(in: 0..<4, using: &chance) == 0 ? 3 : 100
        rules.heartbeatInterval = [0, 1000, 5000].randomElement(using: &chance)!
        rules.returnDelay = [0, 1000].randomElement(using: &chance)!
        self.rules = rules
        group = ConsumerProtocolGroup(id: "g", rules: rules, topics: TopicsSnapshot([:]))
        let mayBeStatic = Int.random(in: 0..<3, using: &chance) > 0
        for number in 0..<Int.random(in: 2...6, using: &chance) {
            clients.append(SimulatedConsumer(number: number, mayBeStatic: mayBeStatic, chance: &chance))
        }
    }

    /// So many steps of trouble, then quiet: then all of them must come to their targets, and nobody be left waiting.
    func run(steps count: Int) throws(Violation) {
        for name in ["a", "b"] { topics[name] = newTopic() }
        group.topicsChanged(TopicsSnapshot(topics), at: now)
        for _ in 0..<count { try step() }
        try calmDown()
        try end()
    }

    // MARK: Steps

    private func step() throws(Violation) {
        steps += 1
        switch Int.random(in: 0..<1000, using: &chance) {
        case 0..<640: try act(clients.indices.randomElement(using: &chance)!)
        case 640..<800: try pass(Int64.random(in: 1...600, using: &chance))
        case 800..<806: try pass(Int64.random(in: 1...20_000, using: &chance))
        case 806..<950: try settleStore(succeeding: happens(in: 40) == false)
        case 950..<970: try actAsZombie()
        case 970..<980: try changeTopics()
        case 980..<984: try fence()
        case 984..<987: try restart()
        default: try wake("spurious")
        }
    }

    private func happens(in many: Int) -> Bool { Int.random(in: 0..<many, using: &chance) == 0 }

    private func note(_ event: String, _ detail: @autoclosure () -> String = "") {
        counts[event, default: 0] += 1
        if keepsTrace { trace.append("\(now.milliseconds) \(event) \(detail())") }
    }

    private func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    private func newTopic() -> TopicsSnapshot.Topic {
        TopicsSnapshot.Topic(
            key: TopicKey(high: 1, low: nextNumber()), partitionCount: Int32.random(in: 1...6, using: &chance))
    }

    /// The client does what its state asks for, or something foolish.
    private func act(_ index: Int) throws(Violation) {
        if clients[index].request != nil {
            guard let request = clients[index].request else { return }
            if outstanding[request] == nil || (!isCalm && happens(in: 12)) { return try giveUp(index, request) }
        }
        switch clients[index].phase {
        case .away:
            let id = MemberID("c\(index).\(nextNumber())")
            clients[index].start(as: id)
        case .unjoined:
            if clients[index].request == nil { try heartbeat(index) }
        case .member: try actAsMember(index)
        }
    }

    private func actAsMember(_ index: Int) throws(Violation) {
        let isWaiting = clients[index].request != nil
        switch Int.random(in: 0..<100, using: &chance) {
        case 0..<30:
            clients[index].approachTarget()
            try check()
        case 30..<34 where !isCalm: clients[index].changeMind(&chance)
        case 34..<36 where !isCalm && !isWaiting: try leave(index)
        case 36..<40 where !isCalm: crash(index)
        case 40..<42 where !isCalm && !isWaiting:
            // It has not been polled for long, or is told by its application to.
            note("begins anew")
            clients[index].beginAnew()
        case 42..<65 where !isCalm: try commit(index)
        default: if !isWaiting { try heartbeat(index) }
        }
    }

    /// Its answer is lost, or slow: it asks again, by the same or another connection.
    private func giveUp(_ index: Int, _ request: RequestID) throws(Violation) {
        if outstanding[request] != nil {
            note("abandon", "\(index)")
            outstanding[request] = nil
            group.abandon(request)
            try carryOut()
        }
        clients[index].loseAnswer()
        if !isCalm, happens(in: 3) { crash(index) }
    }

    private func crash(_ index: Int) {
        note("crash", "\(clients[index].memberID)")
        zombies.append(clients[index])
        if zombies.count > 8 { zombies.removeFirst() }
        clients[index].beginAnew()
        clients[index].phase = .away
    }

    private func send(_ index: Int, epoch: GroupEpoch? = nil) throws(Violation) -> RequestID {
        let request = RequestID(nextNumber())
        outstanding[request] = index
        let heartbeat = clients[index].heartbeat(request, epoch: epoch)
        note(
            "heartbeat",
            "\(heartbeat.memberID) in \(heartbeat.epoch), owns \(heartbeat.owned.map { "\($0)" } ?? "the same")")
        group.heartbeat(heartbeat, at: now)
        return request
    }

    private func heartbeat(_ index: Int) throws(Violation) {
        clients[index].phase = .member
        let request = try send(index)
        clients[index].request = request
        clients[index].said = clients[index].owned
        clients[index].hasNewSubscription = false
        try carryOut()
    }

    private func leave(_ index: Int) throws(Violation) {
        let isForNow = !isCalm && clients[index].instanceID != nil && happens(in: 2) == false
        note(isForNow ? "leave for now" : "leave", "\(clients[index].memberID)")
        let request = try send(index, epoch: isForNow ? .leavingForNow : .leaving)
        clients[index].beginAnew()
        clients[index].phase = .away
        _ = request
        try carryOut()
    }

    private func commit(_ index: Int) throws(Violation) {
        let client = clients[index]
        guard client.epoch > .joining else { return }
        let member = group.members[client.memberID]
        let error = commitError(client)
        note(error == nil ? "commit" : "commit refused", "\(client.memberID) in \(client.epoch)")
        try Violation.unless(
            (error == nil) == (member?.epoch == client.epoch),
            "\(client.memberID) commits in \(client.epoch): \(error.map { "\($0)" } ?? "done")")
        try checkEvicted(client, error)
    }

    private func checkEvicted(_ client: SimulatedConsumer, _ error: GroupError?) throws(Violation) {
        guard let epoch = evicted[client.memberID], client.epoch <= epoch else { return }
        try Violation.unless(error != nil, "\(client.memberID), who was evicted, commits in \(client.epoch)")
    }

    private func commitError(_ client: SimulatedConsumer) -> GroupError? {
        do throws(GroupError) {
            try group.checkCommit(by: client.memberID, epoch: client.epoch)
            return nil
        } catch {
            return error
        }
    }

    /// A process that was replaced asks for something.
    private func actAsZombie() throws(Violation) {
        guard let zombie = zombies.randomElement(using: &chance), zombie.epoch > .joining else { return }
        let error = commitError(zombie)
        try checkEvicted(zombie, error)
        guard group.members[zombie.memberID] == nil else { return }
        note("zombie", "\(zombie.memberID)")
        try Violation.unless(
            error == .unknownMemberID, "zombie \(zombie.memberID) commits: \(String(describing: error))")
        let request = RequestID(nextNumber())
        let isReplaced = zombie.instanceID.map { group.staticMembers[$0] != nil } ?? false
        var heartbeat = zombie.heartbeat(request)
        heartbeat.request = request
        zombieRequests[request] = isReplaced ? .fencedInstanceID : .unknownMemberID
        group.heartbeat(heartbeat, at: now)
        try carryOut()
        try Violation.unless(zombieRequests.isEmpty, "zombie \(zombie.memberID) is not answered")
    }

    // MARK: Topics, operators, disk, brokers

    private func changeTopics() throws(Violation) {
        let name = ["a", "b", "c", "d"].randomElement(using: &chance)!
        if let topic = topics[name], happens(in: 2) == false {
            topics[name] = TopicsSnapshot.Topic(key: topic.key, partitionCount: topic.partitionCount + 1)
            note("topic grows", name)
        } else if topics[name] != nil {
            // Perhaps another of the same name comes at once.
            topics[name] = happens(in: 2) ? newTopic() : nil
            note("topic goes", name)
        } else {
            topics[name] = newTopic()
            note("topic comes", name)
        }
        group.topicsChanged(TopicsSnapshot(topics), at: now)
        try carryOut()
    }

    private func fence() throws(Violation) {
        let members = group.members
        let waiting = Set(outstanding.keys)
        let count: Int
        do throws(GroupError) { count = try group.fence() } catch { return }
        note("fence", "\(members.keys)")
        isFenced = true
        try Violation.unless(count == members.count && group.members.isEmpty, "the fence evicted \(count)")
        for (id, member) in members { evicted[id] = max(member.epoch, evicted[id] ?? .joining) }
        for action in group.takeActions() {
            switch action {
            case .refuse(let request, let error):
                try Violation.unless(
                    waiting.contains(request) && error == .unknownMemberID, "the fence refuses: \(error)")
                try refuse(request, error)
            case .cancelTimer: timer = nil
            default: throw Violation("the fence does \(action)")
            }
        }
        try Violation.unless(outstanding.isEmpty, "the fence left \(outstanding.keys) waiting")
        disk.append(.fence(group.fencedRecords))
        try check()
    }

    private func settleStore(succeeding succeeds: Bool) throws(Violation) {
        switch disk.settle(succeeding: succeeds) {
        case nil: return
        case .group(let number, _):
            note(succeeds ? "stored" : "store failed", "\(number)")
            group.stored(number, succeeded: succeeds, at: now)
        case .fence:
            note(succeeds ? "moved" : "move failed")
            isFenced = false
            group.lift(stored: succeeds, at: now)
        }
        try carryOut()
    }

    /// The broker is killed. What was being written may be there afterwards.
    private func restart() throws(Violation) {
        note("restart")
        while disk.isWriting, happens(in: 2) { _ = disk.settle(succeeding: true) }
        disk.loseWrites()
        outstanding = [:]
        timer = nil
        isFenced = false
        // What was evicted for a change that was lost is as it was before.
        evicted = [:]
        invariants.lastEpoch = .joining
        for index in clients.indices { clients[index].loseAnswer() }
        group = ConsumerProtocolGroup(
            id: "g", rules: rules, restoring: disk.stored, topics: TopicsSnapshot(topics), at: now)
        try carryOut()
    }

    // MARK: Time

    /// Time goes by. The timer rings when it is due, or somewhat later.
    private func pass(_ milliseconds: Int64) throws(Violation) {
        let end = now.advanced(by: milliseconds)
        var rings = 0
        while let due = timer, due <= end {
            now = max(now, happens(in: 10) ? end : due)
            let isWanted = !group.members.isEmpty || group.strangersDeadline != nil
            try Violation.unless(isWanted, "a timer rings for nobody")
            try wake("wake")
            rings += 1
            try Violation.unless(rings < 200, "the timer rings again and again")
        }
        now = end
    }

    private func wake(_ why: String) throws(Violation) {
        note(why)
        if let due = timer, due <= now { timer = nil }
        group.wake(at: now)
        try carryOut()
    }

    // MARK: Actions

    private func carryOut() throws(Violation) {
        for action in group.takeActions() {
            switch action {
            case .answer(let request, let answer): try tell(request, answer)
            case .refuse(let request, let error): try refuse(request, error)
            case .setTimer(let time): timer = time
            case .cancelTimer: timer = nil
            case .store(let number, let records):
                try Violation.unless(!records.isEmpty, "nothing is stored")
                disk.append(.group(number, records))
            case .expired(let id, let why): note("expired: \(why)", "\(id)")
            }
        }
        try check()
    }

    private func tell(_ request: RequestID, _ answer: ConsumerHeartbeatAnswer) throws(Violation) {
        note("told", "\(answer.memberID) \(answer.epoch) \(answer.assignment.map { "\($0)" } ?? "as before")")
        try Violation.unless(!isFenced || answer.epoch < .joining, "\(answer.memberID) is told behind the fence")
        try Violation.unless(!disk.isAheadOfStored(answer), "\(answer.memberID) is told what is not stored")
        guard let index = try answered(request), answer.memberID == clients[index].memberID else { return }
        let known = clients[index].epoch
        try Violation.unless(answer.epoch >= known, "\(answer.memberID) goes from \(known) back to \(answer.epoch)")
        clients[index].take(answer)
    }

    private func refuse(_ request: RequestID, _ error: GroupError) throws(Violation) {
        note("refused: \(error.name)", "#\(request.value)")
        if let expected = zombieRequests.removeValue(forKey: request) {
            return try Violation.unless(error == expected, "a zombie is told \(error), not \(expected)")
        }
        if let index = try answered(request) { clients[index].take(error) }
    }

    /// The client that gets this answer; nil where it is lost, or nobody waits for it any more.
    private func answered(_ request: RequestID) throws(Violation) -> Int? {
        guard let index = outstanding.removeValue(forKey: request) else {
            throw Violation("request \(request.value) was answered twice, or never made")
        }
        guard clients[index].request == request else { return nil }
        if !isCalm, happens(in: 20) {
            note("answer lost")
            return nil
        }
        return index
    }

    // MARK: Invariants

    private func check() throws(Violation) {
        try invariants.check(group, timer: timer)
        try checkClients()
        try checkStored()
        let parked = Set(group.storing.waiting.map(\.request)).union(group.heldJoins.map(\.request))
        try verify(parked == Set(outstanding.keys), "parked: \(parked), to be answered: \(outstanding.keys)")
        try verify(isFenced == group.isFenced, "a fence that nobody put, or one that is gone")
    }

    private func verify(_ condition: Bool, _ description: @autoclosure () -> String) throws(Violation) {
        ownChecks += 1
        try Violation.unless(condition, description())
    }

    /// No partition has two owners, in the opinion of processes whom the group takes for members.
    private func checkClients() throws(Violation) {
        var owners: [TopicPartition: MemberID] = [:]
        for client in clients + zombies where !client.isAway {
            guard let member = group.members[client.memberID] else { continue }
            try verify(client.epoch <= group.epoch, "\(member.id) knows of epoch \(client.epoch)")
            for partition in client.owned {
                let other = owners.updateValue(member.id, forKey: partition)
                try verify(
                    other == nil || other == member.id,
                    "\(member.id) and \(other?.value ?? "") think to own \(partition)")
                try verify(
                    group.owners[partition] == member.id, "\(member.id) thinks to own \(partition), of others")
            }
        }
    }

    /// Where nothing is being stored and nothing was lost, what is stored is what there is.
    private func checkStored() throws(Violation) {
        guard !disk.isWriting, !group.storing.needsRewrite else { return }
        var stored = disk.stored
        // Of an empty group the topics do not count.
        if group.members.isEmpty { stored.topicsHash = group.topicsHash }
        var current = StoredConsumerGroup()
        if group.storing.isGroupKnown || stored.epoch != nil {
            current.apply(.group(group.epoch, topicsHash: group.topicsHash))
            current.apply(.targetEpoch(group.targetEpoch))
        }
        for (id, member) in group.members {
            current.apply(.member(id, member.record))
            current.apply(.current(id, member.current))
        }
        for (id, target) in group.targets { current.apply(.target(id, target.shares)) }
        try verify(stored == current, "what is stored is not what there is:\n\(stored)\n\(current)")
    }

    // MARK: The end

    private func calmDown() throws(Violation) {
        isCalm = true
        note("calm")
        for _ in 0..<1200 {
            for index in clients.indices { try act(index) }
            while disk.isWriting { try settleStore(succeeding: true) }
            try pass(100)
            if isSettled { return }
        }
        throw Violation("the group does not come to rest: \(group.phase), \(group.members.count) members")
    }

    /// Everyone for whom there is room owns its target, knows it, and every partition is somebody's.
    private var isSettled: Bool {
        guard group.phase == .stable, outstanding.isEmpty else { return false }
        let members = clients.filter { group.members[$0.memberID]?.epoch == $0.epoch && $0.epoch == group.epoch }
        let subscribed = group.subscriptions.allNames.compactMap { topics[$0] }
        let owned = members.reduce(0) { $0 + $1.owned.count }
        return members.count == min(clients.count, rules.membersMax) && group.members.count == members.count
            && members.allSatisfy { $0.owned == group.targets[$0.memberID] ?? [] }
            && owned == subscribed.reduce(0) { $0 + Int($1.partitionCount) }
    }

    /// Everyone leaves, and the group is deleted; or it is unloaded while some wait.
    private func end() throws(Violation) {
        if happens(in: 2) {
            for index in clients.indices where group.members[clients[index].memberID] != nil { try leave(index) }
            while disk.isWriting { try settleStore(succeeding: true) }
            for record in group.removalRecords { disk.apply(record) }
            try Violation.unless(disk.stored == StoredConsumerGroup(), "something is left: \(disk.stored)")
            do throws(GroupError) {
                try group.delete()
            } catch {
                throw Violation("a group that everyone left is not deleted: \(error)")
            }
        } else {
            clients[0].beginAnew()
            clients[0].request = try send(0)
            group.unload()
        }
        for action in group.takeActions() {
            switch action {
            case .refuse(let request, _): outstanding[request] = nil
            case .answer(let request, _): outstanding[request] = nil
            case .cancelTimer: timer = nil
            case .store: continue
            default: throw Violation("\(action) of a dead group")
            }
        }
        try Violation.unless(outstanding.isEmpty && timer == nil, "a dead group keeps someone waiting")
    }
}

extension GroupError {
    fileprivate var name: String { String("\(self)".prefix(32)) }
}

/// The log that a group is stored in: batches one after another, each there when it was settled.
struct SimulatedRecords {
    enum Write {
        case group(StoreID, [ConsumerGroupRecord])
        /// The records of a fence, with the offsets that are moved.
        case fence([ConsumerGroupRecord])
    }

    /// What a restart would find.
    private(set) var stored = StoredConsumerGroup()
    private var writes: [Write] = []

    var isWriting: Bool { !writes.isEmpty }

    mutating func append(_ write: Write) { writes.append(write) }

    mutating func apply(_ record: ConsumerGroupRecord) { stored.apply(record) }

    mutating func settle(succeeding succeeds: Bool) -> Write? {
        guard !writes.isEmpty else { return nil }
        let write = writes.removeFirst()
        guard succeeds else { return write }
        switch write {
        case .group(_, let records), .fence(let records): for record in records { stored.apply(record) }
        }
        return write
    }

    mutating func loseWrites() { writes = [] }

    /// Whether a member is told of an epoch that a restart would not find.
    func isAheadOfStored(_ answer: ConsumerHeartbeatAnswer) -> Bool {
        guard answer.epoch > .joining else { return false }
        return stored.epoch.map { answer.epoch > $0 } ?? true
    }
}
