import TestSupport

@testable import GroupCoordination

/// A group among clients that join, crash, come back and lose answers, with a disk that fails now and then, brokers
/// that are killed, and operators who move offsets. What it does follows from its seed alone; after each step it is
/// checked.
final class GroupSimulation {
    private(set) var steps = 0
    /// How many invariants were looked at.
    private(set) var checks = 0
    private(set) var group: ClassicGroup
    /// How often something happened, to see that it does.
    private(set) var counts: [String: Int] = [:]
    /// What happened, where that was asked for.
    private(set) var trace: [String] = []

    private let rules: GroupRules
    private let keepsTrace: Bool
    private var chance: SeededRandom
    private var now = Instant(milliseconds: 1000)
    private var timer: Instant?
    private var clients: [SimulatedClient] = []
    /// Processes that were replaced, and may not know it.
    private var zombies: [SimulatedClient] = []
    private var isCalm = false

    private var lastNumber: UInt64 = 0
    /// Requests that were not answered yet: of whom, and of which generation.
    private var outstanding: [RequestID: Outstanding] = [:]
    private var disk = SimulatedLog()
    /// While a fence stands: the generation that it ended.
    private var fencedAt: Generation?
    /// Who was evicted by a fence: never to commit again.
    private var evicted: Set<MemberID> = []
    /// Who waited when the fence came: to be told that it is unknown, and nothing else.
    private var caughtByFence: Set<RequestID> = []
    /// Up to this generation offsets were moved for good: nobody may commit in it ever again.
    private var movedUpTo = Generation(-1)

    private var wasStable = false
    private var lastStable = Generation(-1)
    /// Who owns a partition in a generation, by the answers that were given.
    private var owners: [Generation: [UInt8: String]] = [:]

    struct Outstanding {
        let client: Int
        let generation: Generation
    }

    init(seed: UInt64, keepsTrace: Bool = false) {
        chance = SeededRandom(seed: seed)
        self.keepsTrace = keepsTrace
        var rules = GroupRules()
        rules.initialRebalanceDelay = [0, 500, 3000].randomElement(using: &chance)!
        rules.membersMax = Int.random(in: 0..<4, using: &chance) == 0 ? 3 : 100
        rules.pendingMembersMax = 3
        self.rules = rules
        group = ClassicGroup(id: "g", rules: rules)
        let mayBeStatic = Int.random(in: 0..<3, using: &chance) > 0
        for number in 0..<Int.random(in: 2...6, using: &chance) {
            clients.append(SimulatedClient(number: number, mayBeStatic: mayBeStatic, chance: &chance))
        }
    }

    /// So many steps of trouble, then quiet: then all of them must come together, and nobody be left waiting.
    func run(steps count: Int) throws(Violation) {
        for _ in 0..<count { try step() }
        try calmDown()
        try end()
    }

    // MARK: Steps

    private func step() throws(Violation) {
        steps += 1
        switch Int.random(in: 0..<1000, using: &chance) {
        case 0..<640: try act(clients.indices.randomElement(using: &chance)!)
        case 640..<810: try pass(Int64.random(in: 1...1000, using: &chance))
        case 810..<820: try pass(Int64.random(in: 1...20_000, using: &chance))
        case 820..<950: try settleStore(succeeding: happens(in: 30) == false)
        case 950..<980: try actAsZombie()
        case 980..<985: try fence()
        case 985..<988: try restart()
        default: try wake("spurious")
        }
    }

    private func happens(in many: Int) -> Bool { Int.random(in: 0..<many, using: &chance) == 0 }

    private func note(_ event: String, _ detail: String = "") {
        counts[event, default: 0] += 1
        if keepsTrace { trace.append("\(now.milliseconds) \(event) \(detail)") }
    }

    /// The client does what its state asks for, or something foolish.
    private func act(_ index: Int) throws(Violation) {
        switch clients[index].phase {
        case .away: clients[index].start()
        case .unjoined: try join(index)
        case .joined where !isCalm && happens(in: 15): crash(index)
        case .joined where !isCalm && happens(in: 15): try commit(index)
        case .joined: try sync(index)
        case .joining(let request), .syncing(let request):
            if outstanding[request] == nil || (!isCalm && happens(in: 12)) { try giveUp(index, request) }
        case .member:
            switch isCalm ? 999 : Int.random(in: 0..<100, using: &chance) {
            case 0..<4: try rejoin(index)
            case 4..<7: try leave(index)
            case 7..<13: crash(index)
            case 13..<50: try commit(index)
            default: try heartbeat(index)
            }
        }
    }

    /// Its answer is lost, or slow: it asks again, by the same or another connection.
    private func giveUp(_ index: Int, _ request: RequestID) throws(Violation) {
        let isJoin = if case .joining = clients[index].phase { true } else { false }
        if outstanding[request] != nil, happens(in: 2) {
            note("abandon", "\(index)")
            outstanding[request] = nil
            group.abandon(request, at: now)
            try carryOut()
        }
        clients[index].phase = isJoin ? .unjoined : .joined
        if !isCalm, happens(in: 3) { crash(index) }
    }

    private func crash(_ index: Int) {
        note("crash", "\(index)")
        zombies.append(clients[index])
        if zombies.count > 8 { zombies.removeFirst() }
        clients[index].phase = .away
    }

    private func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    private func join(_ index: Int) throws(Violation) {
        let request = RequestID(nextNumber())
        outstanding[request] = Outstanding(client: index, generation: clients[index].generation)
        clients[index].phase = .joining(request)
        note("join", "\(index) as \(clients[index].memberID) #\(request.value)")
        let fresh = MemberID("m\(nextNumber())")
        group.join(clients[index].joinRequest(request, freshMemberID: fresh), at: now)
        try carryOut()
    }

    private func rejoin(_ index: Int) throws(Violation) {
        if happens(in: 2) { clients[index].subscription &+= 1 }
        try join(index)
    }

    private func sync(_ index: Int) throws(Violation) {
        let request = RequestID(nextNumber())
        outstanding[request] = Outstanding(client: index, generation: clients[index].generation)
        clients[index].phase = .syncing(request)
        note("sync", "\(index) as \(clients[index].memberID), \(clients[index].generation), #\(request.value)")
        group.sync(clients[index].syncRequest(request), at: now)
        try carryOut()
    }

    private func heartbeat(_ index: Int) throws(Violation) {
        let client = clients[index]
        let refused = refusal { group, now throws(GroupError) in
            try group.heartbeat(
                of: client.memberID, instanceID: client.instanceID, generation: client.generation, at: now)
        }
        if let error = refused {
            note("heartbeat refused", "\(index): \(error)")
            clients[index].take(error)
        }
        try carryOut()
    }

    private func leave(_ index: Int) throws(Violation) {
        let client = clients[index]
        note("leave", "\(index)")
        _ = try? group.leave([Departure(memberID: client.memberID, instanceID: client.instanceID)], at: now)
        clients[index].phase = .away
        try carryOut()
    }

    private func commit(_ index: Int) throws(Violation) {
        let client = clients[index]
        let isOwn = group.members[client.memberID] != nil && client.generation == group.generation
        let mayCommit = isOwn && group.state != .completingRebalance && fencedAt == nil
        let error = refusal { group, now throws(GroupError) in
            try group.checkCommit(
                by: client.memberID, instanceID: client.instanceID, generation: client.generation, at: now)
        }
        note(error == nil ? "commit" : "commit refused", "\(index) in \(client.generation)")
        try Violation.unless(
            mayCommit == (error == nil),
            "\(client.memberID) commits in \(client.generation): \(error.map { "\($0)" } ?? "done")")
        if let error {
            clients[index].take(error)
        } else {
            try Violation.unless(client.generation > movedUpTo, "committed in \(client.generation), which was fenced")
            try Violation.unless(!evicted.contains(client.memberID), "\(client.memberID), who was evicted, committed")
        }
        try carryOut()
    }

    private func refusal(_ body: (inout ClassicGroup, Instant) throws(GroupError) -> Void) -> GroupError? {
        do throws(GroupError) {
            try body(&group, now)
            return nil
        } catch {
            return error
        }
    }

    /// A process that was replaced asks for something.
    private func actAsZombie() throws(Violation) {
        guard let zombie = zombies.randomElement(using: &chance), !zombie.memberID.isNone else { return }
        guard group.members[zombie.memberID] == nil, group.pendingMembers[zombie.memberID] == nil else { return }
        let isReplaced = zombie.instanceID.map { group.staticMembers[$0] != nil } ?? false
        let expected = isReplaced ? GroupError.fencedInstanceID : .unknownMemberID
        note(isReplaced ? "fenced zombie" : "unknown zombie", "\(zombie.memberID)")
        // A group without members takes commits without a generation from anyone: a zombie has one.
        let generation = max(zombie.generation, .initial)
        let errors = [
            refusal { group, now throws(GroupError) in
                try group.checkCommit(
                    by: zombie.memberID, instanceID: zombie.instanceID, generation: generation, at: now)
            },
            refusal { group, now throws(GroupError) in
                try group.heartbeat(
                    of: zombie.memberID, instanceID: zombie.instanceID, generation: generation, at: now)
            },
        ]
        try Violation.unless(errors == [expected, expected], "zombie \(zombie.memberID): \(errors), not \(expected)")
        try carryOut()
    }

    // MARK: Operators, disk, brokers

    private func fence() throws(Violation) {
        let generation = group.generation
        let members = Set(group.members.keys)
        let waiting = Set(outstanding.keys)
        let count: Int
        do throws(GroupError) { count = try group.fence() } catch { return }
        note("fence", "\(generation)")
        try Violation.unless(count == members.count, "the fence evicted \(count) of \(members.count)")
        try Violation.unless(group.members.isEmpty, "a fence left members")
        fencedAt = generation
        evicted.formUnion(members)
        caughtByFence = waiting
        try carryOut()
        try Violation.unless(outstanding.isEmpty, "a fence left \(outstanding.keys) waiting")
        caughtByFence = []
        disk.append(.fence(group.fencedRecord, generation))
    }

    private func settleStore(succeeding succeeds: Bool) throws(Violation) {
        switch disk.settle(succeeding: succeeds) {
        case nil: return
        case .group(let number, _):
            note(succeeds ? "stored" : "store failed")
            group.stored(number, succeeded: succeeds, at: now)
        case .fence(_, let generation):
            note(succeeds ? "moved" : "move failed")
            if succeeds { movedUpTo = max(movedUpTo, generation) }
            fencedAt = nil
            group.lift(at: now)
        }
        try carryOut()
    }

    /// The broker is killed. What was being written may be there afterwards.
    private func restart() throws(Violation) {
        note("restart")
        while disk.isWriting, happens(in: 2) {
            if case .fence(_, let generation) = disk.settle(succeeding: true) { movedUpTo = max(movedUpTo, generation) }
        }
        disk.loseWrites()
        outstanding = [:]
        timer = nil
        fencedAt = nil
        // What was evicted for a change that was lost is as it was before.
        evicted = []
        wasStable = false
        lastStable = Generation(-1)
        if let record = disk.record {
            group = ClassicGroup(id: "g", rules: rules, restoring: record, at: now)
        } else {
            group = ClassicGroup(id: "g", rules: rules)
        }
        try carryOut()
    }

    // MARK: Time

    /// Time goes by. The timer rings when it is due, or somewhat later.
    private func pass(_ milliseconds: Int64) throws(Violation) {
        let end = now.advanced(by: milliseconds)
        var rings = 0
        while let due = timer, due <= end {
            now = max(now, happens(in: 10) ? end : due)
            try Violation.unless(!group.members.isEmpty || !group.pendingMembers.isEmpty, "a timer rings for nobody")
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
            case .answerJoin(let request, let answer): try answerJoin(request, answer)
            case .refuseJoin(let request, let error, let id):
                note("join refused", "#\(request.value) \(id): \(error)")
                try checkCaught(request, error)
                if let index = try answered(request) { clients[index].take(error, memberID: id) }
            case .answerSync(let request, let answer): try answerSync(request, answer)
            case .refuseSync(let request, let error):
                note("sync refused", "#\(request.value): \(error)")
                try checkCaught(request, error)
                if let index = try answered(request) { clients[index].take(error) }
            case .setTimer(let time): timer = time
            case .cancelTimer: timer = nil
            case .store(let number, let record): disk.append(.group(number, record))
            case .expired(let id, let why): note("expired: \(why)", "\(id)")
            }
        }
        try check()
    }

    private func checkCaught(_ request: RequestID, _ error: GroupError) throws(Violation) {
        guard caughtByFence.contains(request) else { return }
        try Violation.unless(error == .unknownMemberID, "a fence answers \(error)")
    }

    /// The client that gets this answer; nil where it is lost, or nobody waits for it any more.
    private func answered(_ request: RequestID) throws(Violation) -> Int? {
        guard let index = outstanding.removeValue(forKey: request)?.client else {
            throw Violation("request \(request.value) was answered twice, or never made")
        }
        guard clients[index].request == request else { return nil }
        if !isCalm, happens(in: 20) {
            note("answer lost")
            return nil
        }
        return index
    }

    private func answerJoin(_ request: RequestID, _ answer: JoinAnswer) throws(Violation) {
        note("joined", "#\(request.value) \(answer.memberID), \(answer.generation), led by \(answer.leader)")
        try Violation.unless(!group.isFenced, "\(answer.generation) began behind the fence")
        if answer.leader == answer.memberID, group.state == .completingRebalance {
            let listed = Set(answer.members.map(\.id))
            try Violation.unless(listed == Set(group.members.keys), "the leader is told of \(listed)")
        } else if answer.leader != answer.memberID {
            try Violation.unless(answer.members.isEmpty, "a follower is told of the others")
        }
        if let index = try answered(request) { clients[index].take(answer) }
    }

    private func answerSync(_ request: RequestID, _ answer: SyncAnswer) throws(Violation) {
        guard let asked = outstanding[request] else { throw Violation("sync \(request.value) was answered twice") }
        note("synced", "#\(request.value) \(answer.assignment)")
        try Violation.unless(group.state == .stable, "an assignment is given while \(group.state)")
        try Violation.unless(asked.generation == group.generation, "an assignment of another generation is given")
        let client = clients[asked.client]
        // A static member is the same, whatever it is called.
        let owner = client.instanceID.map(\.value) ?? "c\(asked.client)"
        for partition in answer.assignment {
            let other = owners[asked.generation, default: [:]].updateValue(owner, forKey: partition)
            try Violation.unless(
                other == nil || other == owner,
                "\(owner) and \(other ?? "") own partition \(partition) in \(asked.generation)")
        }
        if let index = try answered(request) { clients[index].takeSync() }
    }

    // MARK: Invariants

    private func verify(_ condition: Bool, _ description: @autoclosure () -> String) throws(Violation) {
        checks += 1
        try Violation.unless(condition, description())
    }

    private func check() throws(Violation) {
        try verify(group.isFenced == (fencedAt != nil), "a fence that nobody put, or one that is gone")
        let shared = group.supporters.values.contains(group.members.count)
        try verify(group.members.isEmpty || shared, "the members share no protocol")
        try checkStability()
        try checkCounts()
        try checkTimer()
        var parked = Set(group.members.values.compactMap(\.parkedJoin))
        parked.formUnion(group.members.values.compactMap(\.parkedSync))
        for waiting in group.waitingStores.values {
            if case .returned(let request, _) = waiting { parked.insert(request) }
        }
        try verify(parked == Set(outstanding.keys), "parked: \(parked), to be answered: \(outstanding.keys)")
    }

    private func checkStability() throws(Violation) {
        let isStable = group.state == .stable
        if isStable, !wasStable {
            try verify(group.generation > lastStable, "\(group.generation) is stable after \(lastStable)")
            lastStable = group.generation
        }
        if isStable {
            try verify(group.generation == lastStable, "two generations are stable")
            var seen: Set<UInt8> = []
            for member in group.members.values {
                try verify(!member.isWaiting, "\(member.id) of a stable generation waits")
                for partition in member.assignment {
                    try verify(seen.insert(partition).inserted, "two members own partition \(partition)")
                }
            }
        }
        wasStable = isStable
    }

    private func checkCounts() throws(Violation) {
        let members = group.members
        try verify(
            group.waitingJoins == members.values.count { $0.parkedJoin != nil }, "joins are counted wrongly")
        var supporters: [String: Int] = [:]
        for member in members.values { for offered in member.protocols { supporters[offered.name, default: 0] += 1 } }
        try verify(group.supporters == supporters, "protocols are counted wrongly")
        let said = members.values.map { member in
            member.protocols.reduce(0) { $0 + $1.name.utf8.count + $1.metadata.count } + member.id.value.utf8.count
                + (member.instanceID?.value.utf8.count ?? 0) + member.clientID.utf8.count
                + member.clientHost.utf8.count + member.assignment.count
        }
        let there = members.count + group.pendingMembers.count
        let ofGroup = group.id.utf8.count + (group.protocolType?.utf8.count ?? 0)
        let bytes = there == 0 ? 0 : there * ClassicGroup.memberBytesMin + ofGroup + said.reduce(0, +)
        try verify(group.memberBytes == bytes, "\(group.memberBytes) bytes are counted of \(bytes)")
        let statics = members.values.count { $0.instanceID != nil }
        try verify(group.staticMembers.count == statics, "static members are counted wrongly")
        for (instanceID, id) in group.staticMembers {
            try verify(members[id]?.instanceID == instanceID, "\(instanceID) leads to \(id)")
        }
        try verify((group.state == .empty) == members.isEmpty, "\(group.state) with \(members.count) members")
        if let leader = group.leader {
            try verify(members[leader] != nil, "the leader \(leader) is no member")
        } else {
            try verify(members.isEmpty, "nobody leads")
        }
        try verify(members.count <= rules.membersMax, "\(members.count) members")
        try verify(group.pendingMembers.count <= rules.pendingMembersMax, "too many pending members")
        let both = group.pendingMembers.keys.contains { members[$0] != nil }
        try verify(!both, "a member is pending, too")
    }

    private func checkTimer() throws(Violation) {
        if let deadline = group.earliestDeadline {
            try verify(
                timer.map { $0 <= deadline } ?? false,
                "deadline \(deadline.milliseconds), timer \(timer?.milliseconds ?? -1)")
        }
        if group.members.isEmpty, group.pendingMembers.isEmpty {
            try verify(timer == nil, "a timer for nobody")
        }
        if group.state == .preparingRebalance, !group.isFenced {
            try verify(group.joinDeadline != nil || group.initialDelay != nil, "a rebalance without an end")
        }
        if group.state == .completingRebalance {
            try verify(
                group.syncDeadline != nil || group.assignmentStore != nil, "an assignment is awaited without an end")
        }
    }

    // MARK: The end

    private func calmDown() throws(Violation) {
        isCalm = true
        note("calm")
        for _ in 0..<600 {
            for index in clients.indices { try act(index) }
            while disk.isWriting { try settleStore(succeeding: true) }
            try pass(250)
            if isSettled { return }
        }
        throw Violation("the group does not come to rest: \(group.state), \(group.members.count) members")
    }

    /// Everyone for whom there is room works, and every partition is somebody's.
    private var isSettled: Bool {
        guard group.state == .stable, outstanding.isEmpty else { return false }
        let members = clients.filter { $0.isMember && $0.generation == group.generation }
        let assigned = group.members.values.reduce(0) { $0 + $1.assignment.count }
        return members.count == min(clients.count, rules.membersMax) && group.members.count == members.count
            && assigned == SimulatedClient.partitionCount
    }

    /// Everyone leaves, and the group is deleted; or it is unloaded while some wait.
    private func end() throws(Violation) {
        if happens(in: 2) {
            for index in clients.indices where clients[index].isMember { try leave(index) }
            do throws(GroupError) {
                try group.delete()
            } catch {
                throw Violation("a group that everyone left is not deleted: \(error)")
            }
        } else {
            try join(0)
            group.unload()
        }
        for action in group.takeActions() {
            switch action {
            case .refuseJoin(let request, .notCoordinator, _): outstanding[request] = nil
            case .cancelTimer: timer = nil
            default: throw Violation("\(action) of a dead group")
            }
        }
        try Violation.unless(outstanding.isEmpty && timer == nil, "a dead group keeps someone waiting")
    }
}

/// The log that a group is stored in: records one after another, each there when it was settled.
struct SimulatedLog {
    enum Write {
        case group(StoreID, GroupRecord)
        /// The record of a fence, with the offsets that are moved.
        case fence(GroupRecord?, Generation)
    }

    /// The last that is there.
    private(set) var record: GroupRecord?
    private var writes: [Write] = []

    var isWriting: Bool { !writes.isEmpty }

    mutating func append(_ write: Write) { writes.append(write) }

    mutating func settle(succeeding succeeds: Bool) -> Write? {
        guard !writes.isEmpty else { return nil }
        let write = writes.removeFirst()
        guard succeeds else { return write }
        switch write {
        case .group(_, let record): self.record = record
        case .fence(let record, _): self.record = record ?? self.record
        }
        return write
    }

    mutating func loseWrites() { writes = [] }
}
