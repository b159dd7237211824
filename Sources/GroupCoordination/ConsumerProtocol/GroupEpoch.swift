/// How far a group, its target assignment or a member has come. Each change of a group has the next number, and its
/// members follow; what members say in place of one has the numbers from 0 down.
package struct GroupEpoch: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let value: Int32

    package init(_ value: Int32) { self.value = value }

    /// That of a group that nobody has joined, and of a member that is about to join.
    package static let joining = GroupEpoch(0)
    /// A member leaves for good.
    package static let leaving = GroupEpoch(-1)
    /// A static member leaves, and will be back.
    package static let leavingForNow = GroupEpoch(-2)

    /// Nothing that we count comes here: what is stored with more is from elsewhere.
    static let highestStored = GroupEpoch(1 << 30)

    var next: GroupEpoch { GroupEpoch(value &+ 1) }

    package static func < (a: GroupEpoch, b: GroupEpoch) -> Bool { a.value < b.value }
    package var description: String { String(value) }
}
