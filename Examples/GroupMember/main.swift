import KafkaClient

// Counts the readings of each device, as one of any number of such programs: start a second one, and the two share the
// work; stop one, and the other takes over where it was.
let client = try await KafkaClient.connect(to: CommandLine.arguments.dropFirst().first ?? "localhost:9092")
var options = GroupConsumerOptions()
options.autoCommitInterval = nil

let consumer = try client.makeGroupConsumer(group: "counters", topics: ["readings"], options: options) { _, event in
    switch event {
    case .assigned(let partitions): print("reads \(partitions.map(\.partition)), too")
    case .revoked(let partitions): print("gives up \(partitions.map(\.partition))")
    case .lost(let partitions): print("has lost \(partitions.map(\.partition))")
    }
}

var counts: [String: Int] = [:]
for try await batch in consumer {
    for record in try batch.records() { counts[record.keyText ?? "", default: 0] += 1 }
    // Where the results are safe, the group has come to here. (By default it is done every five seconds, of what came
    // before the last call of `next`.)
    try await consumer.commit(batch)
    if counts.values.reduce(0, +) >= 100_000 { break }
}
print("\(counts.count) devices")
await consumer.close()
await client.close()
