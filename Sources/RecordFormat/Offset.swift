/// The position of a record in a partition: 0 for the first ever appended, one more for each that follows.
public struct Offset: Hashable, Comparable, Sendable {
    public let value: Int64

    @inlinable
    public init(_ value: Int64) { self.value = value }

    @inlinable
    public static func < (a: Offset, b: Offset) -> Bool { a.value < b.value }

    /// The offset `count` records further on. Saturates instead of trapping: offsets also come from outside.
    @inlinable
    public func advanced(by count: Int64) -> Offset {
        let (sum, overflow) = value.addingReportingOverflow(count)
        return Offset(overflow ? (count < 0 ? .min : .max) : sum)
    }

    /// How many records further on than `other` this is. Saturates too.
    @inlinable
    public func distance(from other: Offset) -> Int64 {
        let (difference, overflow) = value.subtractingReportingOverflow(other.value)
        return overflow ? (value < other.value ? .min : .max) : difference
    }
}

extension Offset: ExpressibleByIntegerLiteral, CustomStringConvertible {
    @inlinable
    public init(integerLiteral value: Int64) { self.init(value) }
    public var description: String { String(value) }
}
