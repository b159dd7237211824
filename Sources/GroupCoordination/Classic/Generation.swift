/// Which round of joining made the group what it is. Each completed round has the next number.
package struct Generation: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let value: Int32

    package init(_ value: Int32) { self.value = value }

    /// That of a group that nobody has joined.
    package static let initial = Generation(0)
    /// What a client names that is no member, as it assigns itself its partitions.
    package static let none = Generation(-1)

    /// After the largest comes 1 again: 0 is for a group without a past.
    package var next: Generation { Generation(value == .max ? 1 : value + 1) }

    package static func < (a: Generation, b: Generation) -> Bool { a.value < b.value }
    package var description: String { String(value) }
}
