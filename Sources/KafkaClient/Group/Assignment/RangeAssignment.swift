/// Kafka's `range`: each topic's partitions in a row, cut into as many pieces as members want the topic, the first of them
/// one longer where they do not come out even. Members have the same partitions of topics with as many partitions.
enum RangeAssignment {
    /// - Parameter partitionCounts: by topic; those that are missing have none.
    static func assign(_ members: [AssignmentMember], partitionCounts: [String: Int]) -> Assignment {
        let members = members.sorted(by: AssignmentMember.precedes)
        var assignment = Assignment(empty: members)
        for (topic, count) in partitionCounts.sorted(by: { $0.key.precedesInJava($1.key) }) {
            let readers = members.filter { $0.topics.contains(topic) }
            guard !readers.isEmpty else { continue }
            let (share, extra) = count.quotientAndRemainder(dividingBy: readers.count)
            var next = 0
            for (index, reader) in readers.enumerated() {
                let end = next + share + (index < extra ? 1 : 0)
                assignment[reader.id, default: []] += (next..<end).map { TopicPartition(topic: topic, partition: $0) }
                next = end
            }
        }
        return assignment
    }
}
