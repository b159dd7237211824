/// Where the broker is found that a partition's `currentLeader` names.
package struct NodeEndpoint: WireStruct {
    package var nodeID: Int32 = 0
    package var host = ""
    package var port: Int32 = 0
    package var rack: String?

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.int32(&nodeID)
        try c.string(&host)
        try c.int32(&port)
        try c.string(&rack)
        try c.tags()
    }
}
