import EventLog

let log = try EventLog.open(at: "data")
let topic = try log.topic("readings") ?? log.createTopic("readings", partitions: 4)
try topic.append(Record(key: "thermometer-7", value: "21.5"))

let group = log.group("analytics")
if CommandLine.arguments.contains("--again") { try group.replay(topic, from: .earliest) }
for partition in topic.partitions {
    let lag = try group.lag(in: partition)
    print("partition \(lag.partition): \(lag.records) records, \(lag.bytes) bytes, \(lag.behind ?? .zero) behind")
    while case let records = try group.read(from: partition), let last = records.last {
        for record in records { print(record.offset, record.valueText ?? "") }
        try group.commit(last.offset.advanced(by: 1), in: partition)  // durable when it returns
    }
}
try log.close()
