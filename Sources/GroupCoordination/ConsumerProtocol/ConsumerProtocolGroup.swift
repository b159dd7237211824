/// A consumer group by Kafka's consumer protocol (KIP-848), as a state machine: heartbeats, topics and the time go in,
/// actions come out. It has no clock, lock or socket, and takes no decision by chance.
///
/// The coordinator decides who is to own what. Whenever members or topics change the group's epoch goes up, and a
/// target is made for that epoch. Each member then comes to its target on its own, heartbeat by heartbeat:
///
///     stable ─ has to give up some ─► unrevoked ─ says that it did ─┐
///       ▲ └──────── has nothing to give up ─────────────────────────┴─► takes what is free, is in the target's epoch
///       └── has all of its target ─────────── unreleased ◄── others still own some of it ──────────┘
///
/// A partition is never owned by two: who is to get it waits until its owner has said to have given it up, has left, or
/// was given up.
///
/// After each call `takeActions` says what is to be done; whoever calls does that in the same order. Calls of a group
/// are one after another. No answer tells of what is not stored yet.
///
/// The rules are those of Kafka's group coordinator, with these of our own:
/// - A member that joins again under its own id need not wait until its earlier self has expired: it owns nothing.
/// - What the target takes from a static member that is away is free at once.
/// - Who is on its way to its target is told to come again sooner.
/// - A partition that a member was given, and has not said to own, is free again only after it was told so and came
///   once more. In Kafka it is free as soon as the member says what it owns: it may be about to take it.
/// - `fence` evicts everyone while the group's offsets are moved.
package struct ConsumerProtocolGroup: Sendable {
    package let id: String
    /// They may change at any time; what has begun by the old ones goes on.
    package var rules: ConsumerGroupRules
    package internal(set) var epoch: GroupEpoch
    /// To which epoch `targets` belong.
    package internal(set) var targetEpoch: GroupEpoch
    package internal(set) var isDead = false

    var topics: TopicsSnapshot
    var members: [MemberID: ConsumerMember] = [:]
    var staticMembers: [InstanceID: MemberID] = [:]
    /// Who is to own what.
    var targets: [MemberID: Set<TopicPartition>] = [:]
    /// Who owns what, or may: of each partition the one that has it assigned or is still to give it up.
    var owners: [TopicPartition: MemberID] = [:]
    var subscriptions = Subscriptions()
    /// What the members' names take.
    var textBytes = 0
    /// Tells whether subscribed topics have changed.
    var topicsHash: Int64 = 0

    var isFenced = false
    /// How many a fence has evicted.
    var awaitedReturns = 0
    /// The longest that one of them may take to learn of it, in milliseconds.
    var evictedTimeout: Int64 = 0
    /// Until when nobody commits without an epoch: it may be one who was evicted.
    var strangersDeadline: Instant?
    /// Until when nothing is assigned, unless all that are awaited have returned before.
    var returnDeadline: Instant?
    /// Who wants to join while the group is fenced.
    var heldJoins: [ConsumerHeartbeat] = []

    var storing = Storing()

    private var actions: [ConsumerGroupAction] = []
    /// No later than any deadline. May be earlier than all: then nothing happens at that time.
    private var timer: Instant?
    private var announcedTimer: Instant?

    /// `epoch`: above that of what was known of the group before by another protocol.
    package init(
        id: String, rules: ConsumerGroupRules, topics: TopicsSnapshot, startingAt epoch: GroupEpoch = .joining
    ) {
        self.id = id
        self.rules = rules
        self.topics = topics
        let first = min(max(epoch, .joining), .highestStored)
        self.epoch = first
        targetEpoch = first
    }
}

// MARK: What is to be done

extension ConsumerProtocolGroup {
    /// What is to be done since the last call.
    package mutating func takeActions() -> [ConsumerGroupAction] {
        if timer != nil, members.isEmpty, strangersDeadline == nil { timer = nil }
        if timer != announcedTimer {
            actions.append(timer.map { .setTimer($0) } ?? .cancelTimer)
            announcedTimer = timer
        }
        defer { actions = [] }
        return actions
    }

    mutating func act(_ action: ConsumerGroupAction) { actions.append(action) }
}

// MARK: Time

extension ConsumerProtocolGroup {
    /// Has the group woken by `deadline`.
    mutating func watch(_ deadline: Instant) {
        if timer.map({ deadline < $0 }) ?? true { timer = deadline }
    }

    /// The time that a timer was set for has come. Calls at other times do no harm.
    package mutating func wake(at now: Instant) {
        timer = nil
        announcedTimer = nil
        if let deadline = strangersDeadline, deadline <= now { strangersDeadline = nil }
        expireMembers(at: now)
        assignIfNeeded(at: now)
        store()
        timer = earliestDeadline
    }

    var earliestDeadline: Instant? {
        var earliest = members.isEmpty ? nil : returnDeadline
        func consider(_ deadline: Instant?) {
            if let deadline, earliest.map({ deadline < $0 }) ?? true { earliest = deadline }
        }
        consider(strangersDeadline)
        for member in members.values {
            consider(member.sessionDeadline)
            consider(member.revocationDeadline)
        }
        return earliest
    }
}
