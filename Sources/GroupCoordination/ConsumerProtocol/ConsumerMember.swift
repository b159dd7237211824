/// A member of a group by the consumer protocol: what it asked for, and how far it has come.
struct ConsumerMember: Sendable {
    let id: MemberID
    var instanceID: InstanceID?
    var rackID: String?
    var clientID: String
    var clientHost: String
    /// In milliseconds.
    var rebalanceTimeout: Int64
    /// In order, each once.
    var topicNames: [String]
    /// Never empty.
    var topicPattern: String?
    var assignor: ServerAssignor?

    var epoch = GroupEpoch.joining
    /// The answer that told of `epoch` may have been lost: then the member is still here.
    var previousEpoch = GroupEpoch.joining
    var progress = MemberProgress.stable
    /// What it owns, or may from its next heartbeat on.
    var assigned: Set<TopicPartition> = []
    /// What it owned and has not said to have given up. Nobody else may own it.
    var pendingRevocation: Set<TopicPartition> = []
    /// It had said that it owns nothing of `pendingRevocation` before it was told to give that up.
    var hasDisowned = false

    /// When it is given up, unless it is heard of before.
    var sessionDeadline: Instant
    /// When it is given up, unless it has given up what it was told to before.
    var revocationDeadline: Instant?
    /// Its assignment was told in an answer that could not be given.
    var owesAssignment = false

    /// A static member that left and will be back: what it owns is kept for it, if the target does.
    var isAway: Bool { epoch == .leavingForNow }

    /// Of what it is called, which is as long as its client likes.
    var nameBytes: Int {
        id.value.utf8.count + (instanceID?.value.utf8.count ?? 0) + (rackID?.utf8.count ?? 0) + clientID.utf8.count
            + clientHost.utf8.count
    }

    var topicBytes: Int { topicNames.reduce(0) { $0 + $1.utf8.count } }

    func isAsFar(as other: ConsumerMember) -> Bool {
        epoch == other.epoch && previousEpoch == other.previousEpoch && progress == other.progress
            && assigned == other.assigned && pendingRevocation == other.pendingRevocation
    }

    mutating func advance(to next: GroupEpoch) {
        guard next != epoch else { return }
        previousEpoch = epoch
        epoch = next
    }
}

extension ConsumerMember {
    init(_ heartbeat: ConsumerHeartbeat, id: MemberID, sessionDeadline: Instant) {
        self.id = id
        instanceID = heartbeat.instanceID
        clientID = heartbeat.clientID
        clientHost = heartbeat.clientHost
        rebalanceTimeout = 0
        topicNames = []
        self.sessionDeadline = sessionDeadline
        update(heartbeat)
    }

    /// The same member under another id, as it was started again.
    init(returning member: ConsumerMember, as id: MemberID) {
        self.id = id
        instanceID = member.instanceID
        rackID = member.rackID
        clientID = member.clientID
        clientHost = member.clientHost
        rebalanceTimeout = member.rebalanceTimeout
        topicNames = member.topicNames
        topicPattern = member.topicPattern
        assignor = member.assignor
        assigned = member.assigned
        sessionDeadline = member.sessionDeadline
    }

    /// What a heartbeat does not say is as it was.
    mutating func update(_ heartbeat: ConsumerHeartbeat) {
        clientID = heartbeat.clientID
        clientHost = heartbeat.clientHost
        rackID = heartbeat.rackID ?? rackID
        rebalanceTimeout = heartbeat.rebalanceTimeout ?? rebalanceTimeout
        if let names = heartbeat.topicNames { topicNames = Set(names).sorted() }
        if let pattern = heartbeat.topicPattern { topicPattern = pattern.isEmpty ? nil : pattern }
        if let name = heartbeat.assignor { assignor = ServerAssignor(rawValue: name) }
    }

    /// What is stored of it but its progress.
    var record: ConsumerGroupRecord.Member {
        ConsumerGroupRecord.Member(
            instanceID: instanceID, rackID: rackID, clientID: clientID, clientHost: clientHost,
            topicNames: topicNames, topicPattern: topicPattern, rebalanceTimeout: rebalanceTimeout,
            assignor: assignor?.rawValue)
    }

    var current: ConsumerGroupRecord.Current {
        ConsumerGroupRecord.Current(
            epoch: epoch, previousEpoch: previousEpoch, progress: progress, assigned: assigned.shares,
            pendingRevocation: pendingRevocation.shares)
    }

    /// Nil where what is stored does not fit together.
    init?(
        id: MemberID, restoring stored: ConsumerGroupRecord.Member, _ current: ConsumerGroupRecord.Current,
        sessionDeadline: Instant
    ) {
        let isStatic = stored.instanceID != nil
        guard !id.isNone, current.epoch > .joining || (isStatic && current.epoch == .leavingForNow) else { return nil }
        self.id = id
        instanceID = stored.instanceID
        rackID = stored.rackID
        clientID = stored.clientID
        clientHost = stored.clientHost
        rebalanceTimeout = max(0, stored.rebalanceTimeout)
        topicNames = Set(stored.topicNames).sorted()
        topicPattern = stored.topicPattern.flatMap { $0.isEmpty ? nil : $0 }
        assignor = stored.assignor.flatMap { ServerAssignor(rawValue: $0) }
        epoch = current.epoch
        previousEpoch =
            current.epoch > .joining ? min(current.previousEpoch, current.epoch) : current.previousEpoch
        progress = current.progress
        assigned = Set(current.assigned)
        pendingRevocation = Set(current.pendingRevocation)
        self.sessionDeadline = sessionDeadline
        guard assigned.isDisjoint(with: pendingRevocation), pendingRevocation.isEmpty == (progress != .unrevoked)
        else { return nil }
    }
}
