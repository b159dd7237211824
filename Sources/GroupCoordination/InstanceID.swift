/// What a static member calls itself (`group.instance.id`): the same after it was started again.
package struct InstanceID: Hashable, Sendable, CustomStringConvertible {
    package let value: String

    package init(_ value: String) { self.value = value }

    package var description: String { value }
}
