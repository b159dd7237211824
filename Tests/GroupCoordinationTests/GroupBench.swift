@testable import GroupCoordination

/// A group with a clock, a timer, and a disk that stores at once unless told otherwise. Keeps every answer.
struct GroupBench {
    enum Answer: Equatable {
        case joined(JoinAnswer)
        case joinRefused(GroupError, MemberID)
        case synced(SyncAnswer)
        case syncRefused(GroupError)
    }

    var group: ClassicGroup
    var now = Instant(milliseconds: 0)
    private(set) var timer: Instant?
    private(set) var answers: [RequestID: Answer] = [:]
    private(set) var answeredTwice: [RequestID] = []
    private(set) var expired: [MemberID: GroupExpiry] = [:]
    private(set) var records: [GroupRecord] = []
    /// Records that wait while `holdsStores`.
    private(set) var heldStores: [StoreID] = []
    var holdsStores = false
    private var requests: UInt64 = 0

    static let sessionTimeout: Int64 = 10_000
    static let rebalanceTimeout: Int64 = 30_000

    /// An initial delay of 100 ms, unless `adjust` says otherwise.
    init(_ adjust: (inout GroupRules) -> Void = { _ in }) {
        var rules = GroupRules()
        rules.initialRebalanceDelay = 100
        adjust(&rules)
        group = ClassicGroup(id: "g", rules: rules)
    }

    init(restoring record: GroupRecord) {
        group = ClassicGroup(id: "g", rules: GroupRules(), restoring: record, at: Instant(milliseconds: 0))
        carryOut()
    }

    // MARK: Requests

    /// Joins under `id`, or without one: then `fresh` is what the member will be called.
    @discardableResult
    mutating func join(
        _ id: String = "", fresh: String = "", instance: String? = nil,
        protocols: KeyValuePairs<String, [UInt8]>? = nil,
        type: String = "consumer", session: Int64 = sessionTimeout, rebalance: Int64 = rebalanceTimeout,
        requiresID: Bool = false, canSkip: Bool = false
    ) -> RequestID {
        let offered = protocols.map { $0.map { GroupProtocol(name: $0.key, metadata: $0.value) } }
        let request = JoinRequest(
            request: nextRequest(), memberID: MemberID(id), freshMemberID: MemberID(fresh),
            instanceID: instance.map { InstanceID($0) }, clientID: "client", clientHost: "/127.0.0.1",
            sessionTimeout: session, rebalanceTimeout: rebalance, protocolType: type,
            protocols: offered ?? [GroupProtocol(name: "range", metadata: [1])], requiresMemberID: requiresID,
            canSkipAssignment: canSkip)
        group.join(request, at: now)
        carryOut()
        return request.request
    }

    @discardableResult
    mutating func sync(
        _ id: String, _ generation: Int32, instance: String? = nil, assigning: [String: [UInt8]] = [:],
        type: String? = nil, name: String? = nil
    ) -> RequestID {
        let pairs = assigning.map { (MemberID($0.key), $0.value) }
        let request = SyncRequest(
            request: nextRequest(), memberID: MemberID(id), instanceID: instance.map { InstanceID($0) },
            generation: Generation(generation), protocolType: type, protocolName: name,
            assignments: Dictionary(uniqueKeysWithValues: pairs))
        group.sync(request, at: now)
        carryOut()
        return request.request
    }

    mutating func heartbeat(_ id: String, _ generation: Int32, instance: String? = nil) -> GroupError? {
        let now = now
        return refusal { group throws(GroupError) in
            try group.heartbeat(
                of: MemberID(id), instanceID: instance.map { InstanceID($0) }, generation: Generation(generation),
                at: now)
        }
    }

    mutating func commit(_ id: String, _ generation: Int32, instance: String? = nil) -> GroupError? {
        let now = now
        return refusal { group throws(GroupError) in
            try group.checkCommit(
                by: MemberID(id), instanceID: instance.map { InstanceID($0) }, generation: Generation(generation),
                at: now)
        }
    }

    mutating func leave(_ members: (id: String, instance: String?)...) -> [GroupError?] {
        let departures = members.map {
            Departure(memberID: MemberID($0.id), instanceID: $0.instance.map { InstanceID($0) })
        }
        defer { carryOut() }
        do throws(GroupError) {
            return try group.leave(departures, at: now)
        } catch {
            return [error]
        }
    }

    mutating func fence() -> GroupError? {
        refusal { group throws(GroupError) in _ = try group.fence() }
    }

    mutating func lift() {
        group.lift(at: now)
        carryOut()
    }

    mutating func delete() -> GroupError? { refusal { group throws(GroupError) in try group.delete() } }

    mutating func unload() {
        group.unload()
        carryOut()
    }

    mutating func abandon(_ request: RequestID) {
        group.abandon(request, at: now)
        carryOut()
    }

    /// Stores what was held.
    mutating func store(succeeding: Bool = true) {
        let numbers = heldStores
        heldStores = []
        for number in numbers { group.stored(number, succeeded: succeeding, at: now) }
        carryOut()
    }

    /// Lets time go by; the timer rings when it is due.
    mutating func advance(_ milliseconds: Int64) {
        let end = now.advanced(by: milliseconds)
        var rings = 0
        while let due = timer, due <= end {
            rings += 1
            precondition(rings < 1000, "the timer rings again and again")
            now = max(now, due)
            timer = nil
            group.wake(at: now)
            carryOut()
        }
        now = end
    }

    // MARK: Whole rebalances

    /// A stable group of generation 1 whose leader is the first; each is assigned its own number. Names with a colon
    /// are of static members: instance, then member id.
    mutating func makeStable(_ names: String...) {
        for name in names {
            let parts = name.split(separator: ":").map(String.init)
            join(fresh: parts[parts.count - 1], instance: parts.count > 1 ? parts[0] : nil)
        }
        advance(300)
        syncAll()
    }

    /// All members ask for their assignments, the leader last.
    mutating func syncAll() {
        let members = group.membersByArrival
        var assigned: [String: [UInt8]] = [:]
        for (number, member) in members.enumerated() { assigned[member.id.value] = [UInt8(truncatingIfNeeded: number)] }
        for member in members where member.id != group.leader {
            sync(member.id.value, group.generation.value)
        }
        if let leader = group.leader { sync(leader.value, group.generation.value, assigning: assigned) }
    }

    // MARK: Carrying out

    private mutating func nextRequest() -> RequestID {
        requests += 1
        return RequestID(requests)
    }

    private mutating func refusal(_ body: (inout ClassicGroup) throws(GroupError) -> Void) -> GroupError? {
        defer { carryOut() }
        do throws(GroupError) {
            try body(&group)
            return nil
        } catch {
            return error
        }
    }

    private mutating func answer(_ request: RequestID, _ answer: Answer) {
        if answers.updateValue(answer, forKey: request) != nil { answeredTwice.append(request) }
    }

    private mutating func carryOut() {
        for action in group.takeActions() {
            switch action {
            case .answerJoin(let request, let result): answer(request, .joined(result))
            case .refuseJoin(let request, let error, let id): answer(request, .joinRefused(error, id))
            case .answerSync(let request, let result): answer(request, .synced(result))
            case .refuseSync(let request, let error): answer(request, .syncRefused(error))
            case .setTimer(let time): timer = time
            case .cancelTimer: timer = nil
            case .expired(let id, let why): expired[id] = why
            case .store(let number, let record):
                records.append(record)
                heldStores.append(number)
            }
        }
        if !holdsStores, !heldStores.isEmpty { store() }
    }
}

extension GroupBench {
    func joined(_ request: RequestID) -> JoinAnswer? {
        if case .joined(let answer) = answers[request] { answer } else { nil }
    }

    func assignment(_ request: RequestID) -> [UInt8]? {
        if case .synced(let answer) = answers[request] { answer.assignment } else { nil }
    }

    var memberNames: [String] { group.membersByArrival.map(\.id.value) }
}
