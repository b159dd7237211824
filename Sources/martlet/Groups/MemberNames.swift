import KafkaClient

/// What people call a group's members: by the instance id, or else the client's; with a number where several have the same.
enum MemberNames {
    /// In the order of the members.
    static func names(_ members: [GroupDescription.Member]) -> [String] {
        let plain = members.map { $0.instanceID ?? ($0.clientID.isEmpty ? $0.id : $0.clientID) }
        let counts = plain.reduce(into: [:]) { counts, name in counts[name, default: 0] += 1 }
        var seen: [String: Int] = [:]
        return plain.map { name in
            guard counts[name] ?? 0 > 1 else { return name }
            seen[name, default: 0] += 1
            return "\(name)#\(seen[name] ?? 0)"
        }
    }
}
