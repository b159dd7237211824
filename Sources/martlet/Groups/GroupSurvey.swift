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
        let standing = try await GroupStanding(group, selection, from: backend)
        guard selection.isAll || !standing.partitions.isEmpty else { throw Failure.nothingSelected([group]) }
        self.init(standing, try await PositionTable([standing], from: backend), now: now)
    }

    private init(_ standing: GroupStanding, _ positions: PositionTable, now: Timestamp) {
        description = standing.description
        names = MemberNames.names(standing.description.members)
        var readers: [TopicPartition: String] = [:]
        for (member, name) in zip(standing.description.members, names) {
            for partition in member.assignment { readers[partition] = name }
        }
        lags = standing.partitions.map { partition in
            let committed = standing.committed[partition]?.offset
            return PartitionLag(
                group: standing.description.id, partition: partition, committed: committed,
                position: positions[partition, committed ?? 0], now: now, member: readers[partition])
        }
    }

    /// Several groups. What is behind an offset is asked for once, however many of them are there.
    static func all(
        _ groups: [String], _ selection: PartitionSelection, passingOverMissing: Bool, from backend: any GroupBackend,
        now: Timestamp
    ) async throws -> [GroupSurvey] {
        var standings: [GroupStanding] = []
        for group in groups {
            do {
                standings.append(try await GroupStanding(group, selection, from: backend))
            } catch KafkaClientError.unknownGroup where passingOverMissing {
                // It went since the groups were listed.
            }
        }
        // A name that is misspelt must not look like a group that keeps up.
        guard selection.isAll || standings.isEmpty || !standings.allSatisfy(\.partitions.isEmpty) else {
            throw Failure.nothingSelected(groups)
        }
        let positions = try await PositionTable(standings, from: backend)
        return standings.map { GroupSurvey($0, positions, now: now) }
    }

    func total(ofMember name: String) -> LagTotal { LagTotal(lags.filter { $0.member == name }) }
    var topics: [String] { Set(lags.map(\.partition.topic)).sorted() }
    func total(ofTopic topic: String) -> LagTotal { LagTotal(lags.filter { $0.partition.topic == topic }) }
}

/// A group with what it has committed.
private struct GroupStanding {
    var description: GroupDescription
    var committed: [TopicPartition: GroupOffset]
    /// Those that it has committed, and those that its members have, in order.
    var partitions: [TopicPartition]

    init(_ group: String, _ selection: PartitionSelection, from backend: any GroupBackend) async throws {
        description = try await backend.describe(group)
        committed = try await backend.offsets(of: group)
        let assigned = description.members.flatMap(\.assignment)
        partitions = Set(committed.keys).union(assigned).filter(selection.contains).sorted()
    }
}

/// What lies at the offsets of several groups.
private struct PositionTable {
    private struct Place: Hashable {
        var partition: TopicPartition
        var offset: Offset
    }

    private var found: [Place: DescribedPosition] = [:]

    init(_ standings: [GroupStanding], from backend: any GroupBackend) async throws {
        // A question has one offset a partition.
        for question in Self.questions(standings) {
            for (partition, position) in try await backend.positions(at: question) {
                found[Place(partition: partition, offset: question[partition] ?? 0)] = position
            }
        }
    }

    private static func questions(_ standings: [GroupStanding]) -> [[TopicPartition: Offset]] {
        var offsets: [TopicPartition: Set<Offset>] = [:]
        for standing in standings {
            for partition in standing.partitions {
                offsets[partition, default: []].insert(standing.committed[partition]?.offset ?? 0)
            }
        }
        var questions: [[TopicPartition: Offset]] = []
        for (partition, offsets) in offsets {
            for (index, offset) in offsets.enumerated() {
                if index == questions.count { questions.append([:]) }
                questions[index][partition] = offset
            }
        }
        return questions
    }

    subscript(partition: TopicPartition, offset: Offset) -> DescribedPosition? {
        found[Place(partition: partition, offset: offset)]
    }
}
