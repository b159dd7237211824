import EventLog

let log = try EventLog.open(at: "data")
let topic = try log.topic("readings") ?? log.createTopic("readings", partitions: 4)
try topic.append(Record(key: "thermometer-7", value: "21.5"))  // durable when it returns
for partition in topic.partitions {
    for record in try partition.read(from: .earliest) { print(record.offset, record.valueText ?? "") }
}
try log.close()
