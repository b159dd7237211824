/// What becomes of old records: `cleanup.policy`.
public struct CleanupPolicy: OptionSet, Sendable, Hashable, CustomStringConvertible {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Segments go when they are past the retention by age or by size.
    public static let delete = CleanupPolicy(rawValue: 1)
    /// Of each key the last record stays.
    public static let compact = CleanupPolicy(rawValue: 2)

    /// nil: the text is no list of policies.
    init?(_ text: String) {
        var policy: CleanupPolicy = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            switch part.drop(while: { $0 == " " }).prefix(while: { $0 != " " }) {
            case "delete": policy.insert(.delete)
            case "compact": policy.insert(.compact)
            default: return nil
            }
        }
        self = policy
    }

    /// As Kafka writes it: `compact,delete` where both hold.
    public var description: String {
        [contains(.compact) ? "compact" : nil, contains(.delete) ? "delete" : nil].compactMap(\.self)
            .joined(separator: ",")
    }
}
