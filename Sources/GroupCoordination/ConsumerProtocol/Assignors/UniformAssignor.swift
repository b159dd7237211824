/// As even as can be, moving as little as possible.
///
/// Where all subscribe to the same, no two members differ by more than one partition, and a partition changes hands only
/// where that is needed. Else each partition goes to a subscriber, and none could be moved to another subscriber that
/// has two fewer.
enum UniformAssignor {
    static func assign(_ problem: AssignmentProblem) -> [Set<TopicPartition>] {
        guard !problem.members.isEmpty else { return [] }
        var kept = KeptPartitions(problem)
        let owners = problem.isHomogeneous ? assignEqually(problem, &kept) : balance(problem, &kept)
        return problem.shares(owners: owners)
    }

    /// What the members had before and may still have.
    private struct KeptPartitions {
        /// Of each partition the member that owns it; -1: nobody does.
        var owners: [Int]
        /// Of each member its partitions, in order.
        var partitions: [[Int]]

        init(_ problem: AssignmentProblem) {
            owners = [Int](repeating: -1, count: problem.partitionCount)
            partitions = []
            partitions.reserveCapacity(problem.members.count)
            let topicOf = problem.topicOfPartition
            for (number, member) in problem.members.enumerated() {
                let topics = Set(member.topics)
                var own: [Int] = []
                for partition in member.previous.compactMap({ problem.number(of: $0) }).sorted()
                where owners[partition] < 0 && topics.contains(topicOf[partition]) {
                    owners[partition] = number
                    own.append(partition)
                }
                partitions.append(own)
            }
        }
    }

    // MARK: Equal subscriptions

    private static func assignEqually(_ problem: AssignmentProblem, _ kept: inout KeptPartitions) -> [Int] {
        guard !problem.members[0].topics.isEmpty else { return kept.owners }
        let (share, rest) = problem.partitionCount.quotientAndRemainder(dividingBy: problem.members.count)
        var extras = rest
        var missing: [Int] = []
        for member in problem.members.indices {
            let own = kept.partitions[member]
            let keeps = own.count > share && extras > 0 ? share + 1 : share
            if own.count > share, extras > 0 { extras -= 1 }
            for partition in own.dropFirst(keeps) { kept.owners[partition] = -1 }
            missing.append(share - min(own.count, keeps))
        }
        for member in problem.members.indices where extras > 0 && missing[member] >= 0 {
            missing[member] += 1
            extras -= 1
        }
        return deal(missing, &kept)
    }

    /// Deals what nobody owns to those that miss some, in turn: so each gets of every topic.
    private static func deal(_ missing: [Int], _ kept: inout KeptPartitions) -> [Int] {
        var missing = missing
        var queue = missing.indices.filter { missing[$0] > 0 }
        var next = 0
        for partition in kept.owners.indices where kept.owners[partition] < 0 && !queue.isEmpty {
            if next >= queue.count { next = 0 }
            let member = queue[next]
            kept.owners[partition] = member
            missing[member] -= 1
            if missing[member] == 0 { queue.remove(at: next) } else { next += 1 }
        }
        return kept.owners
    }

    // MARK: Other subscriptions

    private static func balance(_ problem: AssignmentProblem, _ kept: inout KeptPartitions) -> [Int] {
        var subscribers = [[Int]](repeating: [], count: problem.topics.count)
        for (number, member) in problem.members.enumerated() {
            for topic in member.topics { subscribers[topic].append(number) }
        }
        var balance = Balance(problem, subscribers, kept)
        // Those with the fewest subscribers first: who may own little else gets them before it is full.
        let order = problem.topics.indices.sorted { (subscribers[$0].count, $0) < (subscribers[$1].count, $1) }
        for topic in order { balance.assignFree(of: topic) }
        // Each move makes the members' loads more alike, so there is an end.
        var hasMoved = true
        while hasMoved {
            hasMoved = false
            for topic in order where balance.even(topic) { hasMoved = true }
        }
        return balance.owners
    }

    private struct Balance {
        let topics: [AssignmentProblem.Topic]
        let subscribers: [[Int]]
        var owners: [Int]
        /// How many partitions a member has.
        var loads: [Int]

        init(_ problem: AssignmentProblem, _ subscribers: [[Int]], _ kept: KeptPartitions) {
            topics = problem.topics
            self.subscribers = subscribers
            owners = kept.owners
            loads = kept.partitions.map(\.count)
        }

        mutating func assignFree(of topic: Int) {
            for partition in range(of: topic) where owners[partition] < 0 {
                guard let member = leastLoaded(of: topic) else { return }
                owners[partition] = member
                loads[member] += 1
            }
        }

        /// Moves partitions of a topic from the most to the least loaded. Returns whether it moved any.
        mutating func even(_ topic: Int) -> Bool {
            var owned: [Int: [Int]] = [:]
            for partition in range(of: topic) where owners[partition] >= 0 {
                owned[owners[partition], default: []].append(partition)
            }
            var hasMoved = false
            while let to = leastLoaded(of: topic), let from = mostLoaded(of: owned), loads[from] - loads[to] > 1,
                let partition = owned[from]?.popLast()
            {
                owned[to, default: []].append(partition)
                owners[partition] = to
                loads[from] -= 1
                loads[to] += 1
                hasMoved = true
            }
            return hasMoved
        }

        private func range(of topic: Int) -> Range<Int> {
            topics[topic].base..<topics[topic].base + Int(topics[topic].partitionCount)
        }

        private func leastLoaded(of topic: Int) -> Int? {
            subscribers[topic].min { (loads[$0], $0) < (loads[$1], $1) }
        }

        private func mostLoaded(of owned: [Int: [Int]]) -> Int? {
            owned.lazy.filter { !$0.value.isEmpty }.map(\.key).max { (loads[$0], -$0) < (loads[$1], -$1) }
        }
    }
}
