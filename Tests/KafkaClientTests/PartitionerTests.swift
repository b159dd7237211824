import Broker
import BrokerTestSupport
import Foundation
import KafkaClient
import TestSupport
import Testing

@Suite("Which partition records go to")
struct PartitionerTests {
    /// Keys of every length up to 40, of any bytes.
    private func keys() -> [[UInt8]] {
        var random = SeededRandom(seed: 7)
        return (0..<400).map { index in (0..<index % 41).map { _ in UInt8.random(in: 0...255, using: &random) } }
    }

    private func produce(_ keys: [[UInt8]], _ client: KafkaClient, partitions: Int) async throws -> [[UInt8]: Int] {
        try await client.admin.createTopic("readings", partitions: partitions)
        let producer = client.makeProducer()
        let topic = try await producer.topic("readings")
        for (index, key) in keys.enumerated() {
            let record = Record(key: key, value: [])
            // By each of the ways in.
            switch index % 3 {
            case 0: #expect(try topic.tryEnqueue(record))
            case 1: try await producer.enqueue(record, to: "readings")
            default: try await producer.sendBatch([record], to: "readings")
            }
        }
        try await producer.close()
        var found: [[UInt8]: Int] = [:]
        for (partition, records) in try await client.everything(in: "readings") {
            for record in records { found[try #require(record.key)] = partition }
        }
        return found
    }

    @Test("keys that Kafka's own tests name go where its Java client puts them")
    func java() async throws {
        // Kafka's UtilsTest.testMurmur2.
        let hashes: [(String, Int32)] = [
            ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971), ("abc", 479_470_107),
        ]
        try await withClient { client in
            let found = try await produce(hashes.map { Array($0.0.utf8) }, client, partitions: 7)
            for (key, hash) in hashes {
                #expect(found[Array(key.utf8)] == Int(hash & Int32.max) % 7, "\(key)")
            }
        }
    }

    @Test(
        "any key goes where kafka-python puts it",
        .enabled(if: MockCluster.python != nil, "no Python with Kafka's clients: name one in KAFKA_PYTHON"))
    func kafkaPython() async throws {
        let keys = keys()
        try await withClient { client in
            let found = try await produce(keys, client, partitions: 11)
            let script = """
                import sys
                from kafka.partitioner.default import murmur2
                for line in sys.stdin:
                    print((murmur2(bytes.fromhex(line.strip())) & 0x7fffffff) % 11)
                """
            let input = keys.map { $0.map { String(format: "%02x", $0) }.joined() + "\n" }.joined()
            let output = try Python.run(script, input: input)
            let expected = output.split(separator: "\n").map { Int($0) }
            #expect(expected.count == keys.count)
            for (key, partition) in zip(keys, expected) { #expect(found[key] == partition, "\(key)") }
        }
    }

    @Test("records without a key fill a batch of one partition before those of the next")
    func sticky() async throws {
        try await withClient { client in
            try await client.admin.createTopic("readings", partitions: 4)
            var options = ProducerOptions()
            options.batchBytesMax = 2000
            options.linger = .seconds(3600)
            let producer = client.makeProducer(options: options)
            let topic = try await producer.topic("readings")
            for number in 0..<400 {
                #expect(try topic.tryEnqueue(Record(value: "\(number)" + String(repeating: "x", count: 100))))
            }
            try await producer.flush()
            try await producer.close()
            let records = try await client.everything(in: "readings")
            #expect(records.count == 4 && records.values.reduce(0) { $0 + $1.count } == 400)
            // Runs of records that follow each other: as long as a batch.
            for records in records.values {
                let numbers = records.compactMap { $0.valueText.flatMap { Int($0.prefix { $0 != "x" }) } }
                let breaks = zip(numbers, numbers.dropFirst()).count { $1 != $0 + 1 }
                #expect(numbers.count > 50 && breaks <= numbers.count / 10)
            }
        }
    }
}
