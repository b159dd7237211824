/// A point in time as Kafka's records carry it: milliseconds since 1970-01-01T00:00:00Z. `-1` means none.
public struct Timestamp: Hashable, Comparable, Sendable {
    public let milliseconds: Int64

    @inlinable
    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    public static let none = Timestamp(milliseconds: -1)

    @inlinable
    public static func < (a: Timestamp, b: Timestamp) -> Bool { a.milliseconds < b.milliseconds }
}

extension Timestamp: CustomStringConvertible {
    public var description: String { String(milliseconds) }
}
