/// A struct of Kafka's schemas: a message's body, or an element of an array in it.
@usableFromInline package protocol WireStruct: Sendable, Equatable {
    /// All fields at Kafka's defaults.
    init()
    /// Names the fields in order, to be read or written by `coder`.
    mutating func code<C: Coder>(_ coder: inout C) throws(ProtocolError)
}

extension WireStruct {
    /// Defaults changed in place: `Topic { $0.name = "readings" }`.
    @inlinable
    package init(_ configure: (inout Self) -> Void) {
        self.init()
        configure(&self)
    }
}
