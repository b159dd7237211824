/// Kafka's `roundrobin`: all partitions of all topics in a row, dealt to the members in turn; who does not want a topic is
/// passed over.
enum RoundRobinAssignment {
    /// - Parameter partitionCounts: by topic; those that are missing have none.
    static func assign(_ members: [AssignmentMember], partitionCounts: [String: Int]) -> Assignment {
        let members = members.sorted(by: AssignmentMember.precedes)
        var assignment = Assignment(empty: members)
        var turn = 0
        for (topic, count) in partitionCounts.sorted(by: { $0.key.precedesInJava($1.key) }) {
            guard members.contains(where: { $0.topics.contains(topic) }) else { continue }
            for partition in 0..<count {
                while !members[turn].topics.contains(topic) { turn = (turn + 1) % members.count }
                assignment[members[turn].id, default: []].append(TopicPartition(topic: topic, partition: partition))
                turn = (turn + 1) % members.count
            }
        }
        return assignment
    }
}
