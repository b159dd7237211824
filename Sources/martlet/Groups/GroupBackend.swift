import KafkaClient
import RecordFormat

/// Where groups are asked for and changed: a broker that runs, or the directory of one that does not.
protocol GroupBackend: Sendable {
    /// All groups, by id.
    func groups() async throws -> [GroupSummary]
    /// Throws `unknownGroup`.
    func describe(_ group: String) async throws -> GroupDescription
    /// What a group has committed; nothing where there is no such group.
    func offsets(of group: String) async throws -> [TopicPartition: GroupOffset]
    /// How many partitions each topic has.
    func partitionCounts() async throws -> [String: Int]
    /// What lies at an offset of each partition; those that are not there are left out.
    func positions(at offsets: [TopicPartition: Offset]) async throws -> [TopicPartition: DescribedPosition]
    /// The first record of a time or later in each partition; those without are left out.
    func firstOffsets(at time: Timestamp, in partitions: [TopicPartition]) async throws -> [TopicPartition: Offset]
    /// Moves offsets, all or nothing; nil removes one.
    func alter(
        _ group: String, to offsets: [TopicPartition: GroupOffset?], kind: String, onlyIfEmpty: Bool
    ) async throws -> GroupOffsetsChange
    func delete(_ group: String) async throws
    func deleteOffsets(of group: String, _ partitions: [TopicPartition]) async throws
    /// Goes through what happened to a group, in order, from the first that is kept. Returns whether other things
    /// happened that are gone from the log.
    @discardableResult
    func reduceEvents<R>(
        of group: String, into result: inout R, _ body: (inout R, GroupEvent) throws -> Void
    ) async throws -> Bool
    /// Since when nothing is gone that happened to groups.
    func historyStart(now: Timestamp) async throws -> Timestamp
    /// When the last thing happened to each group.
    func lastEvents() async throws -> [String: Timestamp]
    /// How long what a group has committed is kept once it has no members, in milliseconds; nil: for ever.
    func offsetsRetention() async throws -> Int64?
}
