/// The replicas that a client assigns to a partition itself. There is one node to assign it to.
enum ReplicaAssignment {
    /// Why one of the assignments cannot be; nil: all can.
    static func problem(with assignments: some Sequence<[Int32]>) -> String? {
        assignments.lazy.compactMap { problem(with: $0) }.first
    }

    private static func problem(with nodes: [Int32]) -> String? {
        if nodes.isEmpty { return "an assignment names no broker: name \(BrokerContext.nodeID)" }
        if let other = nodes.first(where: { $0 != BrokerContext.nodeID }) {
            return "there is no broker \(other): the only one is \(BrokerContext.nodeID)"
        }
        return nodes.count > 1 ? "an assignment names broker \(BrokerContext.nodeID) more than once" : nil
    }
}
