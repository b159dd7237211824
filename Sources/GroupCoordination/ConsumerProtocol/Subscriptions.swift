/// What a group's members subscribe to: names, and patterns with the topics that they match.
struct Subscriptions: Sendable {
    /// How many members name a topic.
    private(set) var names: [String: Int] = [:]
    private(set) var patterns: [String: Pattern] = [:]

    /// Of what members name, pattern by pattern and name by name.
    private(set) var byteCount = 0
    /// Of all patterns together: what it takes to look at a topic.
    private(set) var stateCount = 0
    /// What the topics take that they match.
    private(set) var matchedCount = 0

    /// What patterns take beside their texts, about. Names of topics are shared with the topics.
    var patternBytes: Int { stateCount * 64 + matchedCount * 32 }

    struct Pattern: Sendable {
        let pattern: TopicPattern
        var users = 0
        /// The names of the topics that it matches.
        var matched: Set<String>
    }

    /// Adds what a member subscribes to. Its pattern is compiled before, unless it is known.
    mutating func add(_ member: ConsumerMember, compiled: TopicPattern?, topics: TopicsSnapshot) {
        byteCount += Self.bytes(of: member)
        for name in member.topicNames { names[name, default: 0] += 1 }
        guard let text = member.topicPattern else { return }
        if patterns[text] == nil, let compiled {
            let matched = Self.matches(of: compiled, in: topics.byName)
            patterns[text] = Pattern(pattern: compiled, matched: matched)
            stateCount += compiled.stateCount
            matchedCount += matched.count
        }
        patterns[text]?.users += 1
    }

    mutating func remove(_ member: ConsumerMember) {
        byteCount -= Self.bytes(of: member)
        for name in member.topicNames {
            let count = names[name, default: 0] - 1
            names[name] = count > 0 ? count : nil
        }
        guard let text = member.topicPattern else { return }
        patterns[text]?.users -= 1
        if let pattern = patterns[text], pattern.users == 0 {
            patterns[text] = nil
            stateCount -= pattern.pattern.stateCount
            matchedCount -= pattern.matched.count
        }
    }

    private static func bytes(of member: ConsumerMember) -> Int {
        member.topicBytes + (member.topicPattern?.utf8.count ?? 0)
    }

    /// Throws where a pattern that nobody has yet would take too long: over the topics that there are, or together with
    /// the others at each topic that is created.
    func check(_ pattern: TopicPattern, topics: TopicsSnapshot) throws(GroupError) {
        guard stateCount + pattern.stateCount <= TopicPattern.groupStatesMax else {
            throw .invalidRegularExpression("the group has too many and too large ones: use fewer, or simpler ones")
        }
        var steps = TopicPattern.stepsMax
        for (name, topic) in topics.byName where !topic.isInternal {
            guard pattern.matches(name, steps: &steps) != nil else {
                throw .invalidRegularExpression(
                    "it takes too long for \(topics.byName.count) topics: use a simpler one, without repetitions in "
                        + "repetitions")
            }
        }
    }

    /// Looks at what is new alone.
    mutating func topicsChanged(from old: TopicsSnapshot, to new: TopicsSnapshot) {
        guard !patterns.isEmpty else { return }
        let created = new.byName.filter { old.byName[$0.key] == nil }
        for (text, pattern) in patterns {
            let matched = pattern.matched.filter { new.byName[$0] != nil }
                .union(Self.matches(of: pattern.pattern, in: created))
            patterns[text]?.matched = matched
            matchedCount += matched.count - pattern.matched.count
        }
    }

    private static func matches(
        of pattern: TopicPattern, in topics: [String: TopicsSnapshot.Topic]
    ) -> Set<String> {
        Set(topics.lazy.filter { !$0.value.isInternal && pattern.matches($0.key) }.map(\.key))
    }

    /// The names that a member subscribes to. Not all of them need be topics.
    func names(of member: ConsumerMember) -> Set<String> {
        let matched = member.topicPattern.flatMap { patterns[$0]?.matched } ?? []
        return matched.union(member.topicNames)
    }

    var allNames: Set<String> { patterns.values.reduce(into: Set(names.keys)) { $0.formUnion($1.matched) } }

    func contains(_ name: String) -> Bool {
        names[name] != nil || patterns.values.contains { $0.matched.contains(name) }
    }

    /// A number that is another where subscribed topics come, go, grow, or are others of the same name (FNV-1a).
    func hash(of topics: TopicsSnapshot) -> Int64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        func add(number value: UInt64) {
            for shift in stride(from: 56, through: 0, by: -8) { add(UInt8(truncatingIfNeeded: value >> shift)) }
        }
        for name in allNames.sorted() {
            guard let topic = topics.byName[name] else { continue }
            for byte in name.utf8 { add(byte) }
            add(number: 0)
            add(number: topic.key.high)
            add(number: topic.key.low)
            add(number: UInt64(topic.partitionCount))
        }
        return Int64(bitPattern: hash)
    }
}
