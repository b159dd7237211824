import TestSupport

@testable import GroupCoordination

/// A consumer by the consumer protocol as its group's coordinator sees it: what it was told, what it owns by its own
/// opinion, and what it says next.
struct SimulatedConsumer {
    enum Phase {
        /// Its process does not run.
        case away
        case unjoined
        /// It is a member, or will be by the answer that it waits for.
        case member
    }

    let number: Int
    let instanceID: InstanceID?
    let rebalanceTimeout: Int64

    var phase = Phase.away
    var memberID = MemberID.none
    var epoch = GroupEpoch.joining
    /// The request that it waits for.
    var request: RequestID?
    /// What it consumes. It commits nothing else.
    var owned: Set<TopicPartition> = []
    /// What it was told to own, and has not come to yet.
    var target: Set<TopicPartition>?
    /// What it has said last that it owns; nil: an answer was lost, so it says all again.
    var said: Set<TopicPartition>?
    /// It has had no answer since one was lost: it may have been told to own something else.
    var isUncertain = false
    var names: [String] = ["a"]
    var pattern: String?
    var assignor: String?
    /// It has changed its mind since it said so last.
    var hasNewSubscription = false

    static let patterns = ["a|b", "[ab].*", "(?i)C|d", ".*"]

    init(number: Int, mayBeStatic: Bool, chance: inout SeededRandom) {
        self.number = number
        instanceID = mayBeStatic && Bool.random(using: &chance) ? InstanceID("i\(number)") : nil
        rebalanceTimeout = [3000, 8000, 20_000].randomElement(using: &chance)!
        changeMind(&chance)
    }

    mutating func changeMind(_ chance: inout SeededRandom) {
        names = [["a"], ["a"], ["a", "b"], ["b", "c", "d"], []].randomElement(using: &chance)!
        pattern = Int.random(in: 0..<4, using: &chance) == 0 ? Self.patterns.randomElement(using: &chance)! : nil
        assignor = [nil, nil, "uniform", "range"].randomElement(using: &chance)!
        hasNewSubscription = true
    }

    var isAway: Bool { if case .away = phase { true } else { false } }
    var isMember: Bool { if case .member = phase { true } else { false } }

    /// Its process begins anew.
    mutating func start(as id: MemberID) {
        memberID = id
        beginAnew()
    }

    /// It abandons all that it owns, and will join.
    mutating func beginAnew() {
        phase = .unjoined
        epoch = .joining
        request = nil
        owned = []
        target = nil
        said = nil
        isUncertain = false
    }

    /// Its last request was not answered.
    mutating func loseAnswer() {
        request = nil
        said = nil
        isUncertain = true
    }

    /// It comes a step nearer to what it was told to own.
    mutating func approachTarget() {
        guard let target else { return }
        if !owned.isSubset(of: target) {
            owned.formIntersection(target)
        } else if !isUncertain {
            owned = target
            self.target = nil
        }
    }

    /// What has not changed since its last heartbeat it does not say.
    func heartbeat(_ request: RequestID, epoch: GroupEpoch? = nil) -> ConsumerHeartbeat {
        let isFull = self.epoch == .joining || said == nil
        let saysSubscription = isFull || hasNewSubscription
        return ConsumerHeartbeat(
            request: request, memberID: memberID, freshMemberID: .none, epoch: epoch ?? self.epoch,
            instanceID: instanceID, rackID: nil, clientID: "c\(number)", clientHost: "/h",
            rebalanceTimeout: isFull ? rebalanceTimeout : nil, topicNames: saysSubscription ? names : nil,
            topicPattern: saysSubscription ? pattern ?? "" : nil, assignor: saysSubscription ? assignor : nil,
            owned: isFull || said != owned ? owned.shares : nil, requiresMemberID: true)
    }

    // MARK: Answers

    mutating func take(_ answer: ConsumerHeartbeatAnswer) {
        request = nil
        isUncertain = false
        epoch = answer.epoch
        if let assignment = answer.assignment { target = Set(assignment) }
    }

    mutating func take(_ error: GroupError) {
        loseAnswer()
        switch error {
        case .fencedMemberEpoch, .unknownMemberID: beginAnew()
        // Another process of the same instance runs, or there is no room: this one ends.
        case .fencedInstanceID, .groupMaxSizeReached:
            beginAnew()
            phase = .away
        default: break
        }
    }
}
