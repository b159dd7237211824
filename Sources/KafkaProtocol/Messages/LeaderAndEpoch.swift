/// Which broker leads a partition, and in which epoch: what Produce and Fetch tell a client that asked another (KIP-951).
@usableFromInline package struct LeaderAndEpoch: WireStruct {
    @usableFromInline package var leaderID: Int32 = -1
    @usableFromInline package var leaderEpoch: Int32 = -1

    @inlinable
    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.int32(&leaderID)
        try c.int32(&leaderEpoch)
        try c.tags()
    }
}
