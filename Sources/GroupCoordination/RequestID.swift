/// Names a request whose answer may come later. Whoever calls chooses it; no two of a group are alike.
package struct RequestID: Hashable, Sendable {
    package let value: UInt64

    package init(_ value: UInt64) { self.value = value }
}
