/// Where the broker is found that a partition's `currentLeader` names.
@usableFromInline package struct NodeEndpoint: WireStruct {
    @usableFromInline package var nodeID: Int32 = 0
    @usableFromInline package var host = ""
    @usableFromInline package var port: Int32 = 0
    @usableFromInline package var rack: String?

    @usableFromInline package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.int32(&nodeID)
        try c.string(&host)
        try c.int32(&port)
        try c.string(&rack)
        try c.tags()
    }
}
