import KafkaClient

// Any brokers that speak Kafka's protocol, as `AnyCluster broker-1:9092,broker-2:9092`; one of them is enough.
let client = try await KafkaClient.connect(to: CommandLine.arguments.dropFirst().first ?? "localhost:9092")
if try await !client.admin.listTopics().contains(where: { $0.name == "readings" }) {
    try await client.admin.createTopic("readings", partitions: 4)
}

let producer = client.makeProducer()
let written = try await producer.send(Record(key: "thermometer-7", value: "21.5"), to: "readings")
print("partition \(written.partition), offset \(written.offset?.value ?? -1)")

// For many records: no task and no wait each, but where the buffer is full.
let topic = try await producer.topic("readings")
for number in 0..<100_000 {
    let record = Record(key: "device-\(number % 500)", value: "\(number)")
    while !(try topic.tryEnqueue(record)) { try await producer.waitForSpace() }
}
try await producer.close()

// What is there now. Without `until` it would wait for more.
let consumer = try await client.makeConsumer(topic: "readings", until: .end)
var count = 0
for try await batch in consumer {
    try batch.forEachRecord { _ in count += 1 }
}
print("\(count) records")
await consumer.close()
await client.close()
