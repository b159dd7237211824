/// Who changes a group: the header `martlet-by` of each record. See docs/FORMAT.md, "Committed offsets".
package struct ChangeAuthor: Hashable, Sendable {
    /// Kafka's principal, `User:ANONYMOUS` for one.
    package let principal: String
    package let clientID: String
    /// Where the client is, without the port.
    package let address: String
    /// As the header has it, made once: an author makes many changes.
    let bytes: [UInt8]

    static let headerName = "martlet-by"
    /// Names are clients' own, and a header is in every record.
    private static let clientBytesMax = 255

    package init(principal: String, clientID: String, address: String) {
        self.principal = principal
        self.clientID = clientID
        self.address = address
        let client = String(decoding: clientID.utf8.prefix(Self.clientBytesMax), as: UTF8.self)
        bytes = Array("\(Self.escaped(principal)) \(client)@\(Self.escaped(address))".utf8)
    }

    /// What a header says: the principal up to the first space, the address from the last '@' on.
    init?(header bytes: [UInt8]) {
        guard let text = String(validating: bytes, as: UTF8.self), let space = text.firstIndex(of: " "),
            let at = text.lastIndex(of: "@"), space < at
        else { return nil }
        self.init(
            principal: Self.unescaped(text[..<space]), clientID: String(text[text.index(after: space)..<at]),
            address: Self.unescaped(text[text.index(after: at)...]))
    }

    /// The two characters that part the fields, and the one that stands for them.
    private static func escaped(_ text: String) -> String {
        guard text.utf8.contains(where: { " @%".utf8.contains($0) }) else { return text }
        return text.replacing("%", with: "%25").replacing(" ", with: "%20").replacing("@", with: "%40")
    }

    private static func unescaped(_ text: Substring) -> String {
        String(text).replacing("%20", with: " ").replacing("%40", with: "@").replacing("%25", with: "%")
    }
}
