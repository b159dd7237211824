/// A consumer group: a name under which readers remember how far they have read.
///
///     let group = log.group("analytics")
///     for record in try group.read(from: partition) { print(record) }
///     try group.commit(partition.end, in: partition)
///     print(try group.lag(in: partition).records)
///
/// What is committed is stored in the directory as Kafka's brokers store it, in the topic `__consumer_offsets`: a broker
/// on the directory goes on where the library stopped, and the other way round. Nothing is kept here, so a group may be
/// made as often as is convenient, and used from several threads.
///
/// What all groups have committed lies in memory, too: some 130 bytes for each partition of each group, with the metadata
/// as long as it is. There is no limit to that here, as the program is trusted; a broker sets one for its clients.
///
/// Functions throw `closed` after the log was closed, `unknownTopic` for a partition whose topic was deleted, and
/// `invalidGroup` where the group's name is empty or longer than 32,767 bytes; beside a broker on the same log, `offsetsFull`
/// where what is committed is new and past the broker's limit.
public struct ConsumerGroup: Sendable {
    public let id: String
    private let log: EventLog
    private let author: ChangeAuthor

    init(_ id: String, of log: EventLog, client: String) {
        self.id = id
        self.log = log
        author = ChangeAuthor(principal: "library", clientID: client, address: "local")
    }

    private func offsets() throws(LogError) -> ConsumerOffsets {
        guard !id.isEmpty else { throw .invalidGroup(id, reason: "a group needs a name") }
        return try log.consumerOffsets()
    }

    // MARK: Where the group stands

    /// What the group has committed in a partition; nil: nothing.
    public func committed(in partition: Partition) throws(LogError) -> CommittedOffset? {
        try offsets().committedOffset(id, partition.topicName, Int32(clamping: partition.index))
    }

    /// The offset of the next record that the group has yet to read: what it has committed, or where the log starts if
    /// it has committed nothing, or something that was deleted since.
    public func position(in partition: Partition) throws(LogError) -> Offset {
        max(try committed(in: partition)?.offset ?? 0, partition.logStart)
    }

    /// How far the group is behind in a partition.
    public func lag(in partition: Partition) throws(LogError) -> GroupLag {
        let place = try partition.position(at: try position(in: partition))
        return GroupLag(of: partition, place, now: log.options.environment.now())
    }

    /// How far the group is behind in each partition of a topic, in their order.
    public func lag(of topic: Topic) throws(LogError) -> [GroupLag] {
        try topic.partitions.map { partition throws(LogError) in try lag(in: partition) }
    }

    // MARK: Reading

    /// Reads records from the group's position on, as `Partition.read` does. Commits nothing.
    public func read(
        from partition: Partition, maxRecords: Int = .max, maxBytes: Int = 1 << 20
    ) throws(LogError) -> [StoredRecord] {
        try partition.read(from: .offset(try position(in: partition)), maxRecords: maxRecords, maxBytes: maxBytes)
    }

    /// All records from the group's position on, and then those that are appended, as `Partition.records` gives them.
    /// Commits nothing.
    public func records(in partition: Partition) throws(LogError) -> RecordSequence {
        partition.records(from: .offset(try position(in: partition)))
    }

    // MARK: Committing

    /// A place in a partition, to be committed with others.
    public struct Position: Sendable {
        public var partition: Partition
        public var offset: Offset
        /// Whatever the group wants to remember with it.
        public var metadata: String

        public init(_ offset: Offset, in partition: Partition, metadata: String = "") {
            self.partition = partition
            self.offset = offset
            self.metadata = metadata
        }
    }

    /// Commits that every record before `offset` has been dealt with. Durable when it returns.
    ///
    /// Throws `offsetOutOfRange` for an offset before 0 or past the end.
    public func commit(_ offset: Offset, in partition: Partition, metadata: String = "") throws(LogError) {
        try commit([Position(offset, in: partition, metadata: metadata)])
    }

    /// The same, suspending the task.
    public func commit(_ offset: Offset, in partition: Partition, metadata: String = "") async throws(LogError) {
        try await commit([Position(offset, in: partition, metadata: metadata)])
    }

    /// Commits in several partitions: all of it is durable when this returns, or nothing is committed.
    public func commit(_ positions: [Position]) throws(LogError) {
        guard let (offsets, change) = try change(positions) else { return }
        try offsets.store(change, in: id)
    }

    /// The same, suspending the task.
    public func commit(_ positions: [Position]) async throws(LogError) {
        guard let (offsets, change) = try change(positions) else { return }
        try await offsets.store(change, in: id)
    }

    /// Moves the group in a topic: to the start, the end, an offset or a time in each of its partitions, all or none.
    /// Whoever reads for the group goes on from there the next time that it asks for the position. Durable when it
    /// returns. In the group's history this is a reset, and can be undone.
    ///
    /// Throws `offsetOutOfRange` for an offset that a partition does not have.
    public func replay(_ topic: Topic, from start: StartPosition) throws(LogError) {
        let positions = try topic.partitions.map { partition throws(LogError) in
            Position(try partition.offset(of: start), in: partition)
        }
        guard let (offsets, plain) = try change(positions) else { return }
        var change = plain
        change.note = ChangeNote(kind: "reset", id: offsets.makeChangeID())
        try offsets.store(change, in: id)
    }

    /// Removes all that is stored of the group. Its history stays. Durable when it returns.
    public func delete() throws(LogError) {
        let offsets = try offsets()
        guard let removal = offsets.group(id)?.removal, !removal.isEmpty else { return }
        let note = ChangeNote(kind: "delete", id: offsets.makeChangeID())
        try offsets.store(GroupChange(removal, by: author, note: note), in: id)
    }

    private func change(_ positions: [Position]) throws(LogError) -> (ConsumerOffsets, GroupChange)? {
        let offsets = try offsets()
        guard !positions.isEmpty else { return nil }
        for position in positions {
            let (start, end) = (position.partition.logStart, position.partition.end)
            guard position.offset >= 0, position.offset <= end else {
                throw .offsetOutOfRange(requested: position.offset, start: start, end: end)
            }
        }
        try offsets.prepare()
        let entries = positions.map { position in
            GroupEntry.offset(
                topic: position.partition.topicName, partition: Int32(clamping: position.partition.index),
                CommittedOffset(position.offset, metadata: position.metadata))
        }
        return (offsets, GroupChange(entries, by: author))
    }
}

extension EventLog {
    /// The consumer group of that name: there is no need to create one. `client`: who reads, for the group's history.
    public func group(_ id: String, client: String = "library") -> ConsumerGroup {
        ConsumerGroup(id, of: self, client: client)
    }

    /// The names of the groups that have something stored, in order.
    public func groupNames() throws(LogError) -> [String] { try consumerOffsets().groupIDs }
}
