/// What of a group is stored, is being stored, and has to be.
struct Storing: Sendable {
    /// Room is left for what a log adds to each record.
    static let batchBytesMax = 8 << 20

    // What has changed since records were made last.
    var isGroupChanged = false
    var isTargetEpochChanged = false
    var changedMembers: Set<MemberID> = []
    var changedTargets: Set<MemberID> = []
    var changedCurrents: Set<MemberID> = []
    var removed: Set<MemberID> = []

    /// Records may be missing: all are to be stored anew.
    var needsRewrite = false
    /// Of whom there may be records.
    var known: Set<MemberID> = []
    /// Whether there may be records of the group itself.
    var isGroupKnown = false

    var next: UInt64 = 0
    /// What is being stored.
    var inFlight: Set<StoreID> = []
    /// The answers that wait, in order.
    var waiting: [Waiting] = []

    struct Waiting: Sendable {
        /// All up to this one is to be stored before.
        let last: StoreID
        let request: RequestID
        let member: MemberID
        let answer: ConsumerHeartbeatAnswer
    }

    var hasChanges: Bool {
        isGroupChanged || isTargetEpochChanged || !changedMembers.isEmpty || !changedTargets.isEmpty
            || !changedCurrents.isEmpty || !removed.isEmpty
    }

    mutating func noteRemoval(of id: MemberID) {
        changedMembers.remove(id)
        changedTargets.remove(id)
        changedCurrents.remove(id)
        removed.insert(id)
    }

    mutating func forgetChanges() {
        isGroupChanged = false
        isTargetEpochChanged = false
        changedMembers = []
        changedTargets = []
        changedCurrents = []
        removed = []
    }
}

// MARK: Storing a group

extension ConsumerProtocolGroup {
    /// Stores what this call has changed. To be called at the end of each.
    mutating func store() {
        if storing.needsRewrite { markAllChanged() }
        guard storing.hasChanges, !isDead, !isFenced else { return }
        let batches = Self.batches(of: changedRecords)
        storing.known.formUnion(storing.changedMembers)
        storing.isGroupKnown = true
        storing.forgetChanges()
        for records in batches {
            let number = StoreID(value: storing.next)
            storing.next += 1
            storing.inFlight.insert(number)
            act(.store(number, records))
        }
    }

    /// All in one, unless that would be more than a log takes at once: so may be a large group that is stored anew. Of
    /// one that is cut off between two batches, what fits together is restored.
    private static func batches(of records: [ConsumerGroupRecord]) -> [[ConsumerGroupRecord]] {
        var batches: [[ConsumerGroupRecord]] = []
        var bytes = Int.max
        for record in records {
            let size = record.approximateBytes
            if bytes > Storing.batchBytesMax - size {
                batches.append([])
                bytes = 0
            }
            batches[batches.count - 1].append(record)
            bytes += size
        }
        return batches
    }

    private mutating func markAllChanged() {
        storing.needsRewrite = false
        storing.isGroupChanged = true
        storing.isTargetEpochChanged = true
        storing.changedMembers = Set(members.keys)
        storing.changedTargets = Set(members.keys)
        storing.changedCurrents = Set(members.keys)
        storing.removed.formUnion(storing.known)
        storing.removed.subtract(members.keys)
    }

    private var changedRecords: [ConsumerGroupRecord] {
        var records: [ConsumerGroupRecord] = []
        for id in storing.removed.sorted(by: { $0.value < $1.value }) where members[id] == nil {
            records += Self.removal(of: id)
        }
        for id in storing.changedMembers.sorted(by: { $0.value < $1.value }) {
            if let member = members[id] { records.append(.member(id, member.record)) }
        }
        if storing.isGroupChanged { records.append(.group(epoch, topicsHash: topicsHash)) }
        for id in storing.changedTargets.sorted(by: { $0.value < $1.value }) {
            records.append(targets[id].map { .target(id, $0.shares) } ?? .removeTarget(id))
        }
        if storing.isTargetEpochChanged { records.append(.targetEpoch(targetEpoch)) }
        for id in storing.changedCurrents.sorted(by: { $0.value < $1.value }) {
            if let member = members[id] { records.append(.current(id, member.current)) }
        }
        return records
    }

    static func removal(of id: MemberID) -> [ConsumerGroupRecord] {
        [.removeCurrent(id), .removeTarget(id), .removeMember(id)]
    }

    /// Answers once all is stored that has happened until now.
    mutating func answer(_ request: RequestID, _ answer: ConsumerHeartbeatAnswer) {
        store()
        guard let last = storing.inFlight.max() else { return act(.answer(request, answer)) }
        storing.waiting.append(
            Storing.Waiting(last: last, request: request, member: answer.memberID, answer: answer))
    }

    /// Records are stored, or could not be.
    package mutating func stored(_ number: StoreID, succeeded: Bool, at now: Instant) {
        guard storing.inFlight.remove(number) != nil else { return }
        guard succeeded else { return couldNotStore() }
        if storing.inFlight.isEmpty, !storing.needsRewrite, !isFenced { storing.known = Set(members.keys) }
        let pending = storing.inFlight.min()
        let ready = storing.waiting.prefix { waiting in pending.map { waiting.last < $0 } ?? true }
        storing.waiting.removeFirst(ready.count)
        for waiting in ready { act(.answer(waiting.request, waiting.answer)) }
    }

    /// What is stored lacks something from here on, so nobody may be told of what came after, either. The group stands
    /// as it is: it is stored whole with its next change, and members learn where they are when they ask again.
    private mutating func couldNotStore() {
        storing.needsRewrite = true
        for waiting in storing.waiting {
            members[waiting.member]?.owesAssignment = true
            act(.refuse(waiting.request, .coordinatorNotAvailable))
        }
        storing.waiting = []
    }

    /// Refuses what waits of a member, or of everyone.
    mutating func refuseWaiting(of id: MemberID? = nil, _ error: GroupError) {
        for waiting in storing.waiting where id == nil || waiting.member == id {
            act(.refuse(waiting.request, error))
        }
        storing.waiting.removeAll { id == nil || $0.member == id }
    }
}
