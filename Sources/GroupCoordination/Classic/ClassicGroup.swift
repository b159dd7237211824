/// A consumer group by Kafka's classic protocol, as a state machine: requests and the time go in, actions come out. It
/// has no clock, lock or socket, and takes no decision by chance.
///
///     empty ─ join ─► preparingRebalance ─ all have joined ─► completingRebalance ─ assignment stored ─► stable
///       ▲                 │      ▲                                    │                                    │
///       └─ nobody is left ┘      └── someone joins, leaves or expires ┴────────────────────────────────────┘
///
/// After each call `takeActions` says what is to be done; whoever calls does that in the same order. Calls of a group
/// are one after another.
///
/// The rules are those of Kafka's group coordinator (KIP-62, 134, 345, 389, 394, 559, 814), with these of our own:
/// - A parked request always gets an answer: one that the same member has repeated is refused as rebalanceInProgress.
///   `abandon` is for those whose connection has gone: their member may then expire, though it waited.
/// - A member keeps its place in a full group: a newcomer cannot take it during a rebalance.
/// - Static members that do not rejoin are removed by their session alone, not by the sync timeout.
/// - `fence` evicts everyone while the group's offsets are moved.
package struct ClassicGroup: Sendable {
    package let id: String
    /// They may change at any time; what has begun by the old ones goes on.
    package var rules: GroupRules
    package internal(set) var state = GroupState.empty
    package internal(set) var generation = Generation.initial
    package internal(set) var protocolType: String?
    package internal(set) var protocolName: String?
    package internal(set) var leader: MemberID?

    var members: [MemberID: GroupMember] = [:]
    var staticMembers: [InstanceID: MemberID] = [:]
    /// Who was given an id and has not joined with it, and until when that is good.
    var pendingMembers: [MemberID: Instant] = [:]
    /// How many members support a protocol.
    var supporters: [String: Int] = [:]
    /// What the members' protocols take together.
    var protocolBytes = 0
    /// What their names take.
    var textBytes = 0
    /// Of what the leader has assigned.
    var assignmentBytes = 0
    /// How many members have a parked join.
    var waitingJoins = 0
    var nextArrival: UInt64 = 0

    var initialDelay: InitialDelay?
    /// When the rebalance goes on without those who have not rejoined.
    var joinDeadline: Instant?
    /// When those are given up who have not asked for their assignment.
    var syncDeadline: Instant?

    var isFenced = false
    /// How many were evicted by a fence and are expected back: when so many have joined, the first round is complete.
    var awaitedReturns = 0
    /// The longest that one of them may take to learn of it, in milliseconds.
    var evictedTimeout: Int64 = 0
    /// Until when nobody commits without a generation: it may be one who was evicted.
    var strangersDeadline: Instant?

    /// The leader's assignment that is being stored.
    var assignmentStore: StoreID?
    var waitingStores: [StoreID: WaitingStore] = [:]
    var nextStore: UInt64 = 0

    private var actions: [GroupAction] = []
    /// No later than any deadline. May be earlier than all: then nothing happens at that time.
    private var timer: Instant?
    private var announcedTimer: Instant?

    /// An empty group gathers its first members.
    struct InitialDelay: Sendable {
        var until: Instant
        let limit: Instant
        /// Someone has come since this delay began: it may be extended.
        var hasNewcomers = false
    }

    /// What waits for a record to be stored.
    enum WaitingStore: Sendable {
        case assignments([MemberID: [UInt8]])
        /// A static member has come back.
        case returned(RequestID, JoinAnswer)
    }

    package init(id: String, rules: GroupRules) {
        self.id = id
        self.rules = rules
    }
}

// MARK: What is to be done

extension ClassicGroup {
    /// What is to be done since the last call.
    package mutating func takeActions() -> [GroupAction] {
        if timer != nil, !hasDeadlines { timer = nil }
        if timer != announcedTimer {
            actions.append(timer.map { .setTimer($0) } ?? .cancelTimer)
            announcedTimer = timer
        }
        defer { actions = [] }
        return actions
    }

    mutating func act(_ action: GroupAction) { actions.append(action) }

    /// Stores what the group is now, or will be with these assignments.
    mutating func store(assigning assignments: [MemberID: [UInt8]]? = nil, for waiting: WaitingStore? = nil) -> StoreID
    {
        let number = StoreID(value: nextStore)
        nextStore += 1
        waitingStores[number] = waiting
        act(.store(number, record(assigning: assignments)))
        return number
    }
}

// MARK: Time

extension ClassicGroup {
    private var hasDeadlines: Bool { !members.isEmpty || !pendingMembers.isEmpty }

    /// Has the group woken by `deadline`.
    mutating func watch(_ deadline: Instant) {
        if timer.map({ deadline < $0 }) ?? true { timer = deadline }
    }

    /// The time that a timer was set for has come. Calls at other times do no harm.
    package mutating func wake(at now: Instant) {
        timer = nil
        announcedTimer = nil
        expirePendingMembers(at: now)
        expireSessions(at: now)
        expireSyncs(at: now)
        completeIfReady(at: now)
        timer = earliestDeadline
    }

    var earliestDeadline: Instant? {
        var earliest = syncDeadline
        func consider(_ deadline: Instant?) {
            if let deadline, earliest.map({ deadline < $0 }) ?? true { earliest = deadline }
        }
        if !isFenced {
            consider(joinDeadline)
            consider(initialDelay?.until)
        }
        for member in members.values { consider(member.expiry) }
        for deadline in pendingMembers.values { consider(deadline) }
        return earliest
    }
}
