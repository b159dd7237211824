/// Why bytes are no key or value of `__consumer_offsets`.
package enum SchemaError: Error, Hashable, Sendable {
    case endedEarly
    case badLength
    case badText
    /// A version of the schema that is not read here.
    case unsupportedVersion(Int16)
}

extension SchemaError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .endedEarly: "it ends early"
        case .badLength: "it has a length that cannot be"
        case .badText: "it has text that is not UTF-8"
        case .unsupportedVersion(let version): "version \(version) of its schema is not read here"
        }
    }
}
