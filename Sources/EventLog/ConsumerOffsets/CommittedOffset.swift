/// Where a group stands in a partition: what it has committed.
public struct CommittedOffset: Hashable, Sendable {
    /// The next record that the group has yet to read.
    public var offset: Offset
    /// Of the last record that was read, where the client has said; -1: it has not.
    public var leaderEpoch: Int32
    /// Whatever the client wants to remember.
    public var metadata: String
    /// When it was committed. `Timestamp.none` in what is to be stored: the time of storing it.
    public var timestamp: Timestamp

    public init(_ offset: Offset, leaderEpoch: Int32 = -1, metadata: String = "", timestamp: Timestamp = .none) {
        self.offset = offset
        self.leaderEpoch = leaderEpoch
        self.metadata = metadata
        self.timestamp = timestamp
    }
}

/// Kafka's OffsetCommitValue: versions 0 to 4 are read, 3 is written. The time of expiry of version 1 is not kept: here
/// offsets expire by the broker's setting alone.
extension CommittedOffset {
    init(decoding value: RawSpan) throws(SchemaError) {
        var head = SchemaReader(value)
        let version = try head.int16()
        var fields = try SchemaReader(value: value, versions: 0...4, flexibleFrom: 4)
        offset = Offset(try fields.int64())
        leaderEpoch = version >= 3 ? try fields.int32() : -1
        metadata = try fields.string()
        timestamp = Timestamp(milliseconds: try fields.int64())
        if version == 1 { _ = try fields.int64() }
        try fields.tags()
    }

    func encode(into value: inout SchemaWriter) {
        value.begin(3)
        value.add(offset.value)
        value.add(leaderEpoch)
        value.add(metadata)
        value.add(timestamp.milliseconds)
    }
}
