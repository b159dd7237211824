public import NIOCore

/// What consumers tell each other through their group's coordinator, which passes it on unread: the metadata of a JoinGroup
/// and the assignments of a SyncGroup. The version stands in the first two bytes.
///
/// Versions only ever add fields at the end, so a version above those known here is read as the newest of them, and what it
/// has more is passed over.
@usableFromInline package protocol ConsumerProtocolData: WireStruct {}

extension ConsumerProtocolData {
    /// Kafka's name of the protocol, as JoinGroup gives it.
    @usableFromInline package static var protocolType: String { "consumer" }
    @usableFromInline package static var newestVersion: Int16 { 3 }

    @usableFromInline package init(reading bytes: ByteBuffer) throws(ProtocolError) {
        var prefix = ProtocolReader(bytes, version: 0, isFlexible: false)
        var version: Int16 = 0
        try prefix.int16(&version)
        guard version >= 0 else { throw .unsupportedDataVersion(version) }
        var reader = ProtocolReader(
            prefix.remainder, version: min(version, Self.newestVersion), isFlexible: false)
        self.init()
        try code(&reader)
    }

    @usableFromInline package func encoded(version: Int16 = Self.newestVersion) throws(ProtocolError) -> ByteBuffer {
        precondition((0...Self.newestVersion).contains(version), "no version \(version) of \(Self.self)")
        var writer = ProtocolWriter(version: version, isFlexible: false)
        var prefix = version
        writer.int16(&prefix)
        var data = self
        try data.code(&writer)
        return writer.buffer
    }
}

/// What a member wants to read, and what it owns while it asks.
@usableFromInline package struct ConsumerProtocolSubscription: ConsumerProtocolData {
    @usableFromInline package var topics: [String] = []
    /// The assignor's own: what it likes to tell itself.
    @usableFromInline package var userData: ByteBuffer?
    /// From version 1: what a member of a cooperative assignor keeps while the group rebalances.
    @usableFromInline package var ownedPartitions: [ConsumerProtocolTopicPartitions] = []
    /// From version 2: the generation in which they were assigned; −1: none.
    @usableFromInline package var generationID: Int32 = -1
    /// From version 3.
    @usableFromInline package var rackID: String?

    @usableFromInline package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.array(&topics)
        try c.bytes(&userData)
        if c.version >= 1 { try c.array(&ownedPartitions) }
        if c.version >= 2 { try c.int32(&generationID) }
        if c.version >= 3 { try c.string(&rackID) }
    }
}

/// What a member is to read.
@usableFromInline package struct ConsumerProtocolAssignment: ConsumerProtocolData {
    @usableFromInline package var assignedPartitions: [ConsumerProtocolTopicPartitions] = []
    @usableFromInline package var userData: ByteBuffer?

    @usableFromInline package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.array(&assignedPartitions)
        try c.bytes(&userData)
    }
}

@usableFromInline package struct ConsumerProtocolTopicPartitions: WireStruct {
    @usableFromInline package var topic = ""
    @usableFromInline package var partitions: [Int32] = []

    @usableFromInline package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.string(&topic)
        try c.array(&partitions)
    }
}
