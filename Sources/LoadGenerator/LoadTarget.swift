/// The partitions that a load goes to, or comes from.
package struct LoadTarget: Sendable, Hashable {
    package var topic: String
    package var partitions: [Partition]

    package struct Partition: Sendable, Hashable {
        package var index: Int32
        package var leader: LoadAddress
        /// The offset of its first record.
        package var start: Int64
        /// The offset after its last record.
        package var end: Int64

        package init(index: Int32, leader: LoadAddress, start: Int64, end: Int64) {
            self.index = index
            self.leader = leader
            self.start = start
            self.end = end
        }
    }

    package init(topic: String, partitions: [Partition]) {
        self.topic = topic
        self.partitions = partitions
    }

    /// Deals the partitions out to connections, each of which is to one broker. All get about as many, and each partition
    /// has one at least: with more connections than partitions several share one.
    func share(among connections: Int) throws(LoadError) -> [[Partition]] {
        var byLeader: [[Partition]] = []
        for partition in partitions {
            if let place = byLeader.firstIndex(where: { $0[0].leader == partition.leader }) {
                byLeader[place].append(partition)
            } else {
                byLeader.append([partition])
            }
        }
        guard connections >= byLeader.count else { throw .tooFewConnections(brokers: byLeader.count) }
        return (0..<connections).map { connection in
            let led = byLeader[connection % byLeader.count]
            // How many connections this broker has, and which of them this is.
            let (place, rest) = (connection / byLeader.count, connection % byLeader.count)
            let count = (connections - rest - 1) / byLeader.count + 1
            guard count < led.count else { return [led[place % led.count]] }
            return led.indices.filter { $0 % count == place }.map { led[$0] }
        }
    }
}
