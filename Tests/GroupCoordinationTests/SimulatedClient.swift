import TestSupport

@testable import GroupCoordination

/// A consumer as its group's coordinator sees it: what it knows, and what it asks next.
struct SimulatedClient {
    enum Phase {
        /// Its process does not run.
        case away
        case unjoined
        case joining(RequestID)
        /// It knows its generation, not yet its assignment.
        case joined
        case syncing(RequestID)
        case member
    }

    let number: Int
    let instanceID: InstanceID?
    let sessionTimeout: Int64
    let rebalanceTimeout: Int64
    /// The protocols that it speaks, in its order.
    let protocolNames: [String]
    /// Whether it speaks the versions that ask for a member id first, and that can skip an assignment.
    let isModern: Bool

    var phase = Phase.away
    var memberID = MemberID.none
    var generation = Generation.none
    /// Whom it is to assign partitions to, as the leader.
    var followers: [JoinAnswer.Member] = []
    /// What it says in its metadata. Changes now and then.
    var subscription: UInt8 = 1

    static let partitionCount = 7

    init(number: Int, mayBeStatic: Bool, chance: inout SeededRandom) {
        self.number = number
        instanceID = mayBeStatic && Bool.random(using: &chance) ? InstanceID("i\(number)") : nil
        sessionTimeout = [6000, 8000, 10_000].randomElement(using: &chance)!
        rebalanceTimeout = [5000, 10_000, 20_000].randomElement(using: &chance)!
        // All speak both: a group that was restored knows no protocol but the one that it had chosen.
        protocolNames = Bool.random(using: &chance) ? ["range", "sticky"] : ["sticky", "range"]
        isModern = Int.random(in: 0..<4, using: &chance) > 0
    }

    var request: RequestID? {
        switch phase {
        case .joining(let request), .syncing(let request): request
        case .away, .unjoined, .joined, .member: nil
        }
    }

    var isAway: Bool { if case .away = phase { true } else { false } }
    var isMember: Bool { if case .member = phase { true } else { false } }

    /// Its process begins anew, knowing nothing.
    mutating func start() {
        phase = .unjoined
        memberID = .none
        generation = .none
        followers = []
    }

    func joinRequest(_ request: RequestID, freshMemberID: MemberID) -> JoinRequest {
        JoinRequest(
            request: request, memberID: memberID, freshMemberID: freshMemberID, instanceID: instanceID,
            clientID: "c\(number)", clientHost: "/h", sessionTimeout: sessionTimeout,
            rebalanceTimeout: rebalanceTimeout, protocolType: "consumer",
            protocols: protocolNames.map { GroupProtocol(name: $0, metadata: [subscription]) },
            requiresMemberID: isModern, canSkipAssignment: isModern)
    }

    /// A leader deals the partitions out to everyone in turn.
    func syncRequest(_ request: RequestID) -> SyncRequest {
        var assignments: [MemberID: [UInt8]] = [:]
        for partition in 0..<(followers.isEmpty ? 0 : Self.partitionCount) {
            assignments[followers[partition % followers.count].id, default: []].append(UInt8(partition))
        }
        return SyncRequest(
            request: request, memberID: memberID, instanceID: instanceID, generation: generation,
            protocolType: nil, protocolName: nil, assignments: assignments)
    }

    // MARK: Answers

    mutating func take(_ answer: JoinAnswer) {
        memberID = answer.memberID
        generation = answer.generation
        followers = answer.leader == memberID && !answer.skipsAssignment ? answer.members : []
        phase = .joined
    }

    mutating func takeSync() { phase = .member }

    mutating func take(_ error: GroupError, memberID named: MemberID? = nil) {
        phase = .unjoined
        switch error {
        case .memberIDRequired: memberID = named ?? .none
        case .unknownMemberID: memberID = .none
        // Another process of the same instance runs, or there is no room: this one ends.
        case .fencedInstanceID, .groupMaxSizeReached: phase = .away
        default: break
        }
    }
}
