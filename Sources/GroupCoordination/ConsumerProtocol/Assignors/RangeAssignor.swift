/// Each topic's partitions are cut into ranges of neighbours, one for each member that subscribes to it, the first ones
/// longer by one where they cannot all be equal. The order of the members is the same for all topics, so that whoever
/// subscribes to several topics of as many partitions gets the same of each: records of the same key come together.
///
/// As in Kafka static members come first, in the order of their instance ids: they keep their partitions when they
/// return under another member id.
enum RangeAssignor {
    static func assign(_ problem: AssignmentProblem) -> [Set<TopicPartition>] {
        var subscribers = [[Int]](repeating: [], count: problem.topics.count)
        for member in order(of: problem) {
            for topic in problem.members[member].topics { subscribers[topic].append(member) }
        }
        var owners = [Int](repeating: -1, count: problem.partitionCount)
        for (topic, members) in zip(problem.topics, subscribers) where !members.isEmpty {
            let (share, rest) = Int(topic.partitionCount).quotientAndRemainder(dividingBy: members.count)
            var next = topic.base
            for (position, member) in members.enumerated() {
                let end = next + share + (position < rest ? 1 : 0)
                for partition in next..<end { owners[partition] = member }
                next = end
            }
        }
        return problem.shares(owners: owners)
    }

    private static func order(of problem: AssignmentProblem) -> [Int] {
        let members = problem.members
        let fixed = members.indices.filter { members[$0].instanceID != nil }
            .sorted { (members[$0].instanceID?.value ?? "") < (members[$1].instanceID?.value ?? "") }
        return fixed + members.indices.filter { members[$0].instanceID == nil }
    }
}
