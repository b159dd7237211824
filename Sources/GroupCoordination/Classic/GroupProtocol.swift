/// A way to assign partitions that a member offers, with what it has to say to whoever assigns. The bytes are the
/// clients' own.
package struct GroupProtocol: Hashable, Sendable {
    package let name: String
    package let metadata: [UInt8]

    package init(name: String, metadata: [UInt8]) {
        self.name = name
        self.metadata = metadata
    }
}

extension [GroupProtocol] {
    /// Of names and metadata.
    var byteCount: Int { reduce(0) { $0 + $1.name.utf8.count + $1.metadata.count } }
}
