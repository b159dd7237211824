import Broker
import BrokerTestSupport
import KafkaProtocol
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import KafkaClient

@Suite("Batches of other producers")
struct ForeignBatchTests {
    /// A batch of one record whose header names a codec; the record is not compressed by it.
    private func batch(_ codec: Compression, magic: UInt8 = 2) throws -> ByteBuffer {
        var builder = RecordBatchBuilder(compression: .none)
        builder.append(Record(value: "by another"), defaultTimestamp: Timestamp(milliseconds: 1))
        try builder.finish()
        var bytes = builder.withUnsafeBytes { Array($0) }
        bytes[RecordBatchLayout.attributes + 1] = codec.rawValue
        bytes[RecordBatchLayout.magic] = magic
        let checksum = bytes.withUnsafeBytes {
            crc32c(UnsafeRawBufferPointer(rebasing: $0[RecordBatchLayout.attributes...]))
        }
        for index in 0..<4 {
            bytes[RecordBatchLayout.crc + index] = UInt8(truncatingIfNeeded: checksum >> UInt32(24 - index * 8))
        }
        return ByteBuffer(bytes: bytes)
    }

    private func produce(
        _ records: ByteBuffer, to broker: Broker
    ) async throws -> ProduceResponse.PartitionResponse {
        let connection = try await BrokerConnection.open(
            to: BrokerAddress(host: broker.address.host, port: broker.address.port),
            on: MultiThreadedEventLoopGroup.singleton.next(), KafkaClientOptions())
        let request = ProduceRequest {
            $0.acks = -1
            $0.topicData = [
                .init {
                    $0.name = "readings"
                    $0.partitionData = [.init { $0.records = records }]
                }
            ]
        }
        let response = try await connection.call(request)
        connection.close()
        return try #require(response.responses.first?.partitionResponses.first)
    }

    @Test(
        "a codec that is not decoded here is named, and what came before it is read",
        arguments: [Compression.gzip, .snappy, .zstd])
    func codec(compression: Compression) async throws {
        try await withBroker { broker in
            let client = try await KafkaClient.connect(to: broker.address.description)
            try await client.admin.createTopic("readings", partitions: 1)
            let producer = client.makeProducer()
            try await producer.send(Record(value: "ours"), to: "readings")
            try await producer.close()
            #expect(try await produce(batch(compression), to: broker).baseOffset == 1)

            let consumer = try await client.makeConsumer(topic: "readings", until: .end)
            var values: [String?] = []
            let error = await #expect(throws: KafkaClientError.self) {
                while let batch = try await consumer.next() {
                    try batch.forEachRecord { values.append($0.makeStoredRecord().valueText) }
                }
            }
            #expect(values == ["ours"])
            guard case .unreadableBatch("readings", 0, 1, .unsupportedCompression(compression.rawValue))? = error else {
                return #expect(Bool(false), "\(error as Any)")
            }
            #expect(error?.description.contains(compression.name) == true)
            await consumer.close()
            await client.close()
        }
    }

    @Test("a batch of another format is refused with the reason", arguments: [0, 1, 3] as [UInt8])
    func magic(magic: UInt8) async throws {
        try await withBroker { broker in
            let client = try await KafkaClient.connect(to: broker.address.description)
            try await client.admin.createTopic("readings", partitions: 1)
            let answer = try await produce(batch(.none, magic: magic), to: broker)
            #expect(answer.errorCode != .none && answer.baseOffset == -1)
            #expect(answer.errorMessage?.contains("\(magic)") == true)
            #expect(try await client.everything(in: "readings").isEmpty)
            await client.close()
        }
    }
}
