/// Connections that have said what a client says first, and then nothing.
package final class IdleConnections {
    private var connections: [LoadConnection] = []

    package init() {}

    /// - Parameter goesOn: asked after each; false ends it.
    package func open(
        _ count: Int, to addresses: [LoadAddress], goesOn: (Int) -> Bool = { _ in true }
    ) throws(LoadError) {
        while connections.count < count, goesOn(connections.count) {
            let address = addresses[connections.count % addresses.count]
            connections.append(try LoadConnection(to: address, made: connections.count))
        }
    }

    package var count: Int { connections.count }
    /// How many the broker has closed.
    package var lostCount: Int { connections.count { !$0.isOpen } }
}
