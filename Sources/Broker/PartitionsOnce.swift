/// Which partitions a request has named so far.
struct PartitionsOnce {
    private var named: Set<Place> = []

    private struct Place: Hashable {
        let topic: String
        let partition: Int32
    }

    /// False: the request has named it before.
    mutating func isFirst(_ topic: String, _ partition: Int32) -> Bool {
        named.insert(Place(topic: topic, partition: partition)).inserted
    }
}
