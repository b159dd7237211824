/// What the coordinator calls a member. A member that returns statically gets another one.
package struct MemberID: Hashable, Sendable, CustomStringConvertible {
    package let value: String

    package init(_ value: String) { self.value = value }

    /// The name of who has none yet.
    package static let none = MemberID("")

    package var isNone: Bool { value.isEmpty }
    package var description: String { value }
}
