import KafkaClient
import RecordFormat

/// A group with its members and how far each of its partitions is behind.
struct GroupSurvey {
    var description: GroupDescription
    /// What people call the members, in their order.
    var names: [String]
    /// By partition, in order.
    var lags: [PartitionLag]

    init(_ group: String, _ selection: PartitionSelection, from backend: any GroupBackend, now: Timestamp) async throws
    {
        let description = try await backend.describe(group)
        let committed = try await backend.offsets(of: group)
        let names = MemberNames.names(description.members)
        var readers: [TopicPartition: String] = [:]
        for (member, name) in zip(description.members, names) {
            for partition in member.assignment { readers[partition] = name }
        }
        let partitions = Set(committed.keys).union(readers.keys).filter(selection.contains).sorted()
        let asked = partitions.map { ($0, committed[$0]?.offset ?? 0) }
        let positions = try await backend.positions(at: Dictionary(asked) { first, _ in first })
        self.description = description
        self.names = names
        lags = partitions.map { partition in
            PartitionLag(
                group: group, partition: partition, committed: committed[partition]?.offset,
                position: positions[partition], now: now, member: readers[partition])
        }
    }

    func total(ofMember name: String) -> LagTotal { LagTotal(lags.filter { $0.member == name }) }
    var topics: [String] { Set(lags.map(\.partition.topic)).sorted() }
    func total(ofTopic topic: String) -> LagTotal { LagTotal(lags.filter { $0.partition.topic == topic }) }
}
