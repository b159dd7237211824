/// What can be wrong with the bytes of a message, or with a message that is to become bytes.
///
/// Positions count bytes from the start of the message's body. A peer that sends any of these speaks another protocol or
/// another version of it: the connection it came over cannot be trusted to be in step any more.
@usableFromInline package enum ProtocolError: Error, Equatable, Sendable {
    /// The message ends before the field at `position` does.
    case truncated(position: Int, needed: Int, have: Int)
    /// A length or count that no field can have: below −1, or more elements than there are bytes left.
    case invalidLength(position: Int, length: Int)
    /// `null` for a field that cannot be null in this version.
    case unexpectedNull(position: Int)
    /// A variable-length integer of more than 32 bits.
    case varintTooLong(position: Int)
    /// A string that is not UTF-8.
    case invalidUTF8(position: Int)
    /// More array elements in one message than a reader allows: a small frame must not become a big allocation.
    case tooManyElements(position: Int, limit: Int)
    /// The arrays of one message would take more memory than a reader allows.
    case tooMuchMemory(position: Int, limit: Int)
    /// Bytes after the last field of a response, or inside a tagged field: sender and receiver disagree about the schema.
    case trailingBytes(count: Int)
    /// A string or array that is too long for the length field of this version.
    case tooLong(length: Int, limit: Int)
    /// A version of data inside a message that none can have.
    case unsupportedDataVersion(Int16)
    /// A version of an API that this codec does not know.
    case unsupportedVersion(api: Int16, version: Int16)
}

extension ProtocolError: CustomStringConvertible {
    @usableFromInline package var description: String {
        switch self {
        case .truncated(let position, let needed, let have):
            "the message is cut short: \(needed) bytes needed at byte \(position), \(have) left"
        case .invalidLength(let position, let length):
            "impossible length \(length) at byte \(position)"
        case .unexpectedNull(let position):
            "null at byte \(position) where this version needs a value"
        case .varintTooLong(let position):
            "a varint of more than 32 bits at byte \(position)"
        case .invalidUTF8(let position):
            "a string that is not UTF-8 at byte \(position)"
        case .tooManyElements(let position, let limit):
            "more than \(limit) array elements in one message at byte \(position)"
        case .tooMuchMemory(let position, let limit):
            "arrays of more than \(limit) bytes in memory in one message at byte \(position)"
        case .trailingBytes(let count):
            "\(count) bytes after the end of the message"
        case .tooLong(let length, let limit):
            "a field of \(length) where the protocol allows \(limit)"
        case .unsupportedDataVersion(let version):
            "version \(version) of what is inside a message is not known"
        case .unsupportedVersion(let api, let version):
            "version \(version) of API \(api) is not known"
        }
    }
}
