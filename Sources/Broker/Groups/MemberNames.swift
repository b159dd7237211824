internal import EventLog
internal import GroupCoordination

extension MemberID {
    /// Clients name themselves; what they are called here should tell who they are, not fill the memory.
    private static let prefixBytesMax = 255

    /// A name that no member has had: Kafka's shape, what the client calls itself and a random UUID.
    static func fresh(for clientID: String) -> MemberID {
        let prefix = clientID.utf8.count <= prefixBytesMax ? clientID : clientID.prefix(inBytes: prefixBytesMax)
        return MemberID("\(prefix)-\(fresh())")
    }

    /// The same by the consumer protocol: a random UUID.
    static func fresh() -> MemberID {
        var generator = SystemRandomNumberGenerator()
        return MemberID("\(TopicID.random(using: &generator))")
    }
}

extension String {
    /// As many of its scalars from the start as fit.
    fileprivate func prefix(inBytes limit: Int) -> String {
        var rest = limit
        var text = ""
        for scalar in unicodeScalars {
            rest -= UTF8.width(scalar)
            guard rest >= 0 else { break }
            text.unicodeScalars.append(scalar)
        }
        return text
    }
}
