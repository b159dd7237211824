import Glibc

/// A topic to which connections produce, each to one of its partitions.
struct LoadTopic {
    let name = "load"
    let partitions: Int
    let settings: [String: String]

    /// Bytes of the answer to a request for it, its length included.
    var answer: Int {
        // Length and correlation id; a topic of a name; a partition with its number, code, offset and time; the throttle.
        4 + 4 + 4 + 2 + name.utf8.count + 4 + (4 + 2 + 8 + 8) + 4
    }

    /// A request for each connection.
    func requests(_ connections: Int, _ batch: [UInt8], acks: Int16) -> [WireRequest] {
        (0..<connections).map { .produce(batch, acks: acks, to: [(name, Int32($0 % partitions))]) }
    }

    /// The same, when there are so many, or after ten seconds: what acks=1 acknowledges readers see with the round that makes
    /// it durable.
    func end(_ connection: WireConnection, atLeast count: Int64) throws -> Int64 {
        for _ in 0..<1000 {
            let end = try end(connection)
            if end >= count { return end }
            usleep(10_000)
        }
        return try end(connection)
    }

    /// Of all its partitions, how many offsets were given.
    func end(_ connection: WireConnection) throws -> Int64 {
        try (0..<partitions).reduce(0) { sum, partition in
            let (code, offset) = try connection.call(.listEnd(name, partition: Int32(partition))) { answer in
                answer.array { topic in
                    _ = topic.string()
                    return topic.array { partition -> (Int16, Int64) in
                        _ = partition.integer(Int32.self)
                        let code = partition.integer(Int16.self)
                        _ = partition.integer(Int64.self)
                        return (code, partition.integer(Int64.self))
                    }[0]
                }[0]
            }
            guard code == 0 else { throw WireError.refused("listing offsets", code) }
            return sum + offset
        }
    }
}
