/// Names a record that is being stored.
package struct StoreID: Hashable, Comparable, Sendable {
    package let value: UInt64

    package static func < (a: StoreID, b: StoreID) -> Bool { a.value < b.value }
}
