import EventLog
import KafkaProtocol
import NIOCore
import Testing

/// What most tests ask for, in a line.
extension WireClient {
    func create(
        _ topic: String, partitions: Int32 = 1, _ configs: [String: String] = [:]
    ) async throws {
        let result = try await call(CreateTopicsRequest.creating(topic, partitions: partitions, configs)).topics
        #expect(result.map(\.errorCode) == [.none], "\(result)")
    }

    /// Sends one batch to one partition, with `acks=all` unless said otherwise.
    func produce(
        _ batch: Batch, to topic: String, _ partition: Int32 = 0, acks: Int16 = -1, version: Int16? = nil
    ) async throws -> ProduceResponse.PartitionResponse {
        try await produce(records: ByteBuffer(bytes: batch.bytes), to: topic, partition, acks: acks, version: version)
    }

    func produce(
        records: ByteBuffer?, to topic: String, _ partition: Int32 = 0, acks: Int16 = -1, version: Int16? = nil
    ) async throws -> ProduceResponse.PartitionResponse {
        let response = try await call(
            ProduceRequest.sending(records, to: topic, partition, acks: acks), version: version)
        return try #require(response.responses.first?.partitionResponses.first)
    }

    /// Fetches one partition without waiting.
    func fetch(
        _ topic: String, _ partition: Int32 = 0, from offset: Int64 = 0, version: Int16? = nil,
        _ configure: (inout FetchRequest) -> Void = { _ in }
    ) async throws -> FetchResponse.PartitionData {
        let response = try await call(FetchRequest.reading(topic, partition, from: offset, configure), version: version)
        return try #require(response.responses.first?.partitions.first)
    }

    /// The values of all records of a partition, as text.
    func values(in topic: String, _ partition: Int32 = 0) async throws -> [String?] {
        var values: [String?] = []
        var next: Int64 = 0
        while true {
            let data = try await fetch(topic, partition, from: next)
            let records = try data.records.bytes.storedRecords
            guard let last = records.last else { return values }
            values += records.filter { $0.offset.value >= next }.map(\.valueText)
            next = last.offset.value + 1
        }
    }

    func offset(
        in topic: String, _ partition: Int32 = 0, at timestamp: Int64, version: Int16? = nil
    ) async throws -> ListOffsetsResponse.Partition {
        let request = ListOffsetsRequest.asking(topic, partition, at: timestamp)
        return try #require(try await call(request, version: version).topics.first?.partitions.first)
    }

    func metadata(
        of names: [String]?, autoCreates: Bool = true, version: Int16? = nil
    ) async throws -> MetadataResponse {
        try await call(MetadataRequest.about(names, autoCreates: autoCreates), version: version)
    }
}

extension CreateTopicsRequest {
    static func creating(
        _ topic: String, partitions: Int32 = 1, _ configs: [String: String] = [:]
    ) -> CreateTopicsRequest {
        CreateTopicsRequest {
            $0.topics = [
                .init {
                    $0.name = topic
                    $0.numPartitions = partitions
                    $0.replicationFactor = 1
                    $0.configs = configs.map { name, value in
                        .init {
                            $0.name = name
                            $0.value = value
                        }
                    }
                }
            ]
        }
    }
}

extension ProduceRequest {
    static func sending(
        _ records: ByteBuffer?, to topic: String, _ partition: Int32 = 0, acks: Int16 = -1
    ) -> ProduceRequest {
        ProduceRequest {
            $0.acks = acks
            $0.topicData = [
                .init {
                    $0.name = topic
                    $0.partitionData = [
                        .init {
                            $0.index = partition
                            $0.records = records
                        }
                    ]
                }
            ]
        }
    }

    static func sending(_ batch: Batch, to topic: String, _ partition: Int32 = 0, acks: Int16 = -1) -> ProduceRequest {
        sending(ByteBuffer(bytes: batch.bytes), to: topic, partition, acks: acks)
    }
}

extension FetchRequest {
    static func reading(
        _ topic: String, _ partition: Int32 = 0, from offset: Int64 = 0,
        _ configure: (inout FetchRequest) -> Void = { _ in }
    ) -> FetchRequest {
        FetchRequest {
            $0.topics = [
                .init {
                    $0.topic = topic
                    $0.partitions = [.place(partition, offset)]
                }
            ]
            configure(&$0)
        }
    }
}

extension FetchRequest.Partition {
    static func place(_ partition: Int32, _ offset: Int64, maxBytes: Int32 = .max) -> FetchRequest.Partition {
        FetchRequest.Partition {
            $0.partition = partition
            $0.fetchOffset = offset
            $0.partitionMaxBytes = maxBytes
        }
    }
}

extension MetadataRequest {
    /// - Parameter names: nil: all topics.
    static func about(_ names: [String]?, autoCreates: Bool = true) -> MetadataRequest {
        MetadataRequest {
            $0.topics = names?.map { name in .init { $0.name = name } }
            $0.allowAutoTopicCreation = autoCreates
        }
    }
}

extension FetchRequest {
    /// Waits a minute for the next byte.
    static func waiting(
        on topic: String, _ partition: Int32 = 0, from offset: Int64 = 0, minBytes: Int32 = 1
    ) -> FetchRequest {
        .reading(topic, partition, from: offset) {
            $0.maxWaitMs = 60_000
            $0.minBytes = minBytes
        }
    }
}

extension ListOffsetsRequest {
    static func asking(_ topic: String, _ partition: Int32 = 0, at timestamp: Int64) -> ListOffsetsRequest {
        ListOffsetsRequest {
            $0.topics = [
                .init {
                    $0.name = topic
                    $0.partitions = [
                        .init {
                            $0.partitionIndex = partition
                            $0.timestamp = timestamp
                        }
                    ]
                }
            ]
        }
    }
}

extension DeleteRecordsRequest {
    static func deleting(_ topic: String, _ partition: Int32 = 0, before offset: Int64) -> DeleteRecordsRequest {
        DeleteRecordsRequest {
            $0.topics = [
                .init {
                    $0.name = topic
                    $0.partitions = [
                        .init {
                            $0.partitionIndex = partition
                            $0.offset = offset
                        }
                    ]
                }
            ]
        }
    }
}

extension OffsetForLeaderEpochRequest {
    /// - Parameter current: what the client takes for the newest epoch; −1: it does not say.
    static func asking(
        _ topic: String, _ partition: Int32 = 0, endOf epoch: Int32, current: Int32 = -1
    ) -> OffsetForLeaderEpochRequest {
        OffsetForLeaderEpochRequest {
            $0.topics = [
                .init {
                    $0.topic = topic
                    $0.partitions = [
                        .init {
                            $0.partition = partition
                            $0.currentLeaderEpoch = current
                            $0.leaderEpoch = epoch
                        }
                    ]
                }
            ]
        }
    }
}

extension DescribeProducersRequest {
    static func about(_ topic: String, _ partitions: [Int32] = [0]) -> DescribeProducersRequest {
        DescribeProducersRequest {
            $0.topics = [
                .init {
                    $0.name = topic
                    $0.partitionIndexes = partitions
                }
            ]
        }
    }
}

extension DescribeLogDirsRequest {
    static func about(_ topic: String, _ partitions: [Int32] = [0]) -> DescribeLogDirsRequest {
        DescribeLogDirsRequest {
            $0.topics = [
                .init {
                    $0.topic = topic
                    $0.partitions = partitions
                }
            ]
        }
    }
}

extension DeleteTopicsRequest {
    /// As all versions have it: by name.
    static func deleting(_ name: String) -> DeleteTopicsRequest {
        DeleteTopicsRequest {
            $0.topics = [.init { $0.name = name }]
            $0.topicNames = [name]
        }
    }
}
