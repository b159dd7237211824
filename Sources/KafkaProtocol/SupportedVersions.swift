/// The table of what is offered: an API is answered when it has a row here, in the versions that the row names.
///
/// Why a range is what it is stands in docs/PROTOCOL.md; changing one needs a look at the traps there.
@usableFromInline package enum SupportedVersions {
    @usableFromInline package static let rows: [Row] = [
        // From 0, though the record formats of 0–2 are refused: librdkafka sends uncompressed without it (KAFKA-18659).
        Row(ProduceRequest.self, offered: 0...13),
        Row(FetchRequest.self, offered: 4...17),
        Row(ListOffsetsRequest.self, offered: 1...7),
        Row(MetadataRequest.self, offered: 0...13),
        Row(OffsetCommitRequest.self, offered: 2...9),
        Row(OffsetFetchRequest.self, offered: 1...9),
        // From 0: librdkafka takes this for the mark of a broker that has groups and LZ4.
        Row(FindCoordinatorRequest.self, offered: 0...6),
        Row(JoinGroupRequest.self, offered: 0...9),
        Row(HeartbeatRequest.self, offered: 0...4),
        Row(LeaveGroupRequest.self, offered: 0...5),
        Row(SyncGroupRequest.self, offered: 0...5),
        Row(DescribeGroupsRequest.self, offered: 0...6),
        Row(ListGroupsRequest.self, offered: 0...5),
        Row(ApiVersionsRequest.self, offered: 0...4),
        Row(CreateTopicsRequest.self, offered: 0...7),
        Row(DeleteTopicsRequest.self, offered: 0...6),
        Row(DeleteRecordsRequest.self, offered: 0...2),
        Row(InitProducerIDRequest.self, offered: 0...4),
        Row(OffsetForLeaderEpochRequest.self, offered: 2...4),
        Row(DescribeConfigsRequest.self, offered: 1...4),
        Row(DescribeLogDirsRequest.self, offered: 1...4),
        Row(CreatePartitionsRequest.self, offered: 0...3),
        Row(IncrementalAlterConfigsRequest.self, offered: 0...1),
        Row(AlterConfigsRequest.self, offered: 0...2),
        Row(DeleteGroupsRequest.self, offered: 0...2),
        Row(ElectLeadersRequest.self, offered: 0...2),
        Row(ListPartitionReassignmentsRequest.self, offered: 0...0),
        Row(OffsetDeleteRequest.self, offered: 0...0),
        Row(DescribeClusterRequest.self, offered: 0...2),
        Row(ConsumerGroupHeartbeatRequest.self, offered: 0...1),
        Row(ConsumerGroupDescribeRequest.self, offered: 0...1),
        Row(DescribeTopicPartitionsRequest.self, offered: 0...0),
        Row(DescribeProducersRequest.self, offered: 0...0),
        Row(AlterGroupOffsetsRequest.self, offered: 0...0),
        Row(DescribePositionsRequest.self, offered: 0...0),
        Row(DescribeSegmentsRequest.self, offered: 0...0),
    ]

    /// One API: what is offered of it, and from which version on it is flexible.
    @usableFromInline package struct Row: Sendable {
        @usableFromInline package let key: ApiKey
        @usableFromInline package let offered: ClosedRange<Int16>
        @usableFromInline package let firstFlexibleVersion: Int16

        init<Request: RequestMessage>(_ request: Request.Type, offered: ClosedRange<Int16>) {
            precondition(
                Request.versions.contains(offered.lowerBound) && Request.versions.contains(offered.upperBound),
                "\(Request.self) is offered in versions that it cannot code")
            self.key = Request.apiKey
            self.offered = offered
            self.firstFlexibleVersion = Request.firstFlexibleVersion
        }
    }

    /// Kafka's APIs and Martlet's own by their number, so that a request's row is one array access away.
    private static let kafkasRows = table(of: 0...(ApiKey.ownKeys.lowerBound - 1))
    private static let ownRows = table(of: ApiKey.ownKeys)

    /// From the first key of the range to the last one that has a row.
    private static func table(of keys: ClosedRange<Int16>) -> [Row?] {
        guard let last = rows.map(\.key.rawValue).filter(keys.contains).max() else { return [] }
        return (keys.lowerBound...last).map { key in rows.first { $0.key.rawValue == key } }
    }

    /// The row of an API by the number a header carries; `nil`: not offered, or no API at all.
    @usableFromInline package static func row(of key: Int16) -> Row? {
        let isOwn = ApiKey.ownKeys.contains(key)
        let table = isOwn ? ownRows : kafkasRows
        let index = Int(key) - (isOwn ? Int(ApiKey.ownKeys.lowerBound) : 0)
        return table.indices.contains(index) ? table[index] : nil
    }

    @usableFromInline package static func contains(_ key: Int16, version: Int16) -> Bool {
        row(of: key)?.offered.contains(version) ?? false
    }
}
