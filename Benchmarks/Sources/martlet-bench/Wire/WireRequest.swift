/// A request of one API in one version; `frame` is what goes over the wire.
struct WireRequest {
    enum API: Int16 {
        case produce = 0
        case fetch = 1
        case listOffsets = 2
        case offsetCommit = 8
        case offsetFetch = 9
        case joinGroup = 11
        case heartbeat = 12
        case leaveGroup = 13
        case syncGroup = 14
        case apiVersions = 18
        case createTopics = 19
        case consumerGroupHeartbeat = 68
    }

    /// Where the correlation id stands in a frame.
    static let correlationIDPosition = 8

    let frame: [UInt8]
    let isFlexible: Bool

    /// - Parameter isFlexible: header and body end in tagged fields.
    init(_ api: API, version: Int16, isFlexible: Bool = false, _ body: (inout WireWriter) -> Void = { _ in }) {
        var content = WireWriter()
        content.integer(api.rawValue)
        content.integer(version)
        content.integer(Int32(0))
        content.string("martlet-bench")
        if isFlexible { content.noTags() }
        body(&content)
        var framed = WireWriter()
        framed.bytes(content.bytes)
        frame = framed.bytes
        self.isFlexible = isFlexible
    }
}
