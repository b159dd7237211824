/// Kafka's rules for topic names.
package enum TopicName {
    package static let lengthMax = 249

    /// Why `name` cannot name a topic; nil if it can.
    package static func problem(with name: String) -> String? {
        if name.isEmpty { return "it is empty, and a name has 1 to \(lengthMax) characters" }
        if name == "." || name == ".." { return "it must not be '.' or '..'" }
        if name.utf8.count > lengthMax { return "it has \(name.utf8.count) characters, over the limit of \(lengthMax)" }
        guard name.utf8.allSatisfy(isAllowed) else {
            return "only letters, digits, '.', '_' and '-' are allowed"
        }
        return nil
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// The directory of one partition: Kafka's `<topic>-<partition>`.
    package static func directory(_ name: String, _ partition: Int) -> String { "\(name)-\(partition)" }

    /// Names that differ only in '.' and '_' collide in Kafka's metrics, so Kafka refuses the second.
    package static func collides(_ a: String, _ b: String) -> Bool {
        a != b && a.replacing(".", with: "_") == b.replacing(".", with: "_")
    }
}
