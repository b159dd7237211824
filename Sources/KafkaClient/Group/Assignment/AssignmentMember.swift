/// A member of a group as the one who assigns sees it: what it wants to read, and what it had.
struct AssignmentMember: Sendable {
    let id: String
    /// Of a static member.
    var instanceID: String?
    var topics: Set<String>
    /// What it reads while the group rebalances; only members of cooperative assignors say so.
    var owned: [TopicPartition] = []
    /// The generation in which it was given that; -1: it does not say.
    var generation: Int32 = -1
}

extension AssignmentMember {
    /// Kafka's order of members: static ones first, by instance id, then the others by member id.
    static func precedes(_ a: AssignmentMember, _ b: AssignmentMember) -> Bool {
        switch (a.instanceID, b.instanceID) {
        case (let a?, let b?): a.precedesInJava(b)
        case (_?, nil): true
        case (nil, _?): false
        case (nil, nil): a.id.precedesInJava(b.id)
        }
    }
}

extension String {
    /// As Java compares strings, and so all clients must who want the same result: by UTF-16 units.
    func precedesInJava(_ other: String) -> Bool { utf16.lexicographicallyPrecedes(other.utf16) }
}

/// Who reads what, by member id. A partition stands once, or not at all where nobody wants its topic.
typealias Assignment = [String: [TopicPartition]]

extension Assignment {
    /// Everybody with nothing.
    init(empty members: [AssignmentMember]) {
        self = members.reduce(into: [:]) { $0[$1.id] = [] }
    }
}
