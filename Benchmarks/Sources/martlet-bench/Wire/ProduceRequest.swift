extension WireRequest {
    /// A batch to a partition of each topic. `acks`: −1: answered when it is on disk.
    static func produce(_ batch: [UInt8], acks: Int16, to partitions: [(topic: String, partition: Int32)])
        -> WireRequest
    {
        WireRequest(.produce, version: 3) { body in
            body.null()
            body.integer(acks)
            body.integer(Int32(30_000))
            body.array(partitions) { body, place in
                body.string(place.topic)
                body.array([place.partition]) { body, partition in
                    body.integer(partition)
                    body.bytes(batch)
                }
            }
        }
    }

    static func fetch(_ topic: String, partition: Int32, from offset: Int64, maxBytes: Int32) -> WireRequest {
        WireRequest(.fetch, version: 4) { body in
            body.integer(Int32(-1))
            body.integer(Int32(500))
            body.integer(Int32(1))
            body.integer(maxBytes)
            body.integer(Int8(0))
            body.array([topic]) { body, topic in
                body.string(topic)
                body.array([partition]) { body, partition in
                    body.integer(partition)
                    body.integer(offset)
                    body.integer(maxBytes)
                }
            }
        }
    }

    /// Where a partition ends.
    static func listEnd(_ topic: String, partition: Int32) -> WireRequest {
        WireRequest(.listOffsets, version: 1) { body in
            body.integer(Int32(-1))
            body.array([topic]) { body, topic in
                body.string(topic)
                body.array([partition]) { body, partition in
                    body.integer(partition)
                    body.integer(Int64(-1))
                }
            }
        }
    }
}

/// What a broker answers to a produce request.
enum ProduceAnswer {
    static func codes(_ answer: inout WireReader) -> [Int16] {
        answer.array { topic -> [Int16] in
            _ = topic.string()
            return topic.array { partition in
                _ = partition.integer(Int32.self)
                let code = partition.integer(Int16.self)
                _ = partition.integer(Int64.self)
                _ = partition.integer(Int64.self)
                return code
            }
        }.flatMap { $0 }
    }

    static func check(_ codes: [Int16]) throws {
        if let code = codes.first(where: { $0 != 0 }) { throw WireError.refused("a batch", code) }
    }
}
