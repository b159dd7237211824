import EventLog

/// Writes lines of JSON from standard input to a topic, keyed by their first field, and replays them: no server, only
/// the library.
///
///     gunzip -c telemetry.ndjson.gz | WriteTelemetry martlet-data telemetry
@main
struct WriteTelemetry {
    static func main() throws {
        guard CommandLine.arguments.count == 3 else {
            print("usage: WriteTelemetry DIRECTORY TOPIC < LINES")
            return
        }
        let (directory, name) = (CommandLine.arguments[1], CommandLine.arguments[2])

        let log = try EventLog.open(at: directory)
        let topic = try log.topic(name) ?? log.createTopic(name, partitions: 4)

        var written = 0
        var records: [Record] = []
        while let line = readLine() {
            // {"device":"device-000042",…}: the key stands between the third quote and the fourth.
            let parts = line.split(separator: "\"", maxSplits: 4, omittingEmptySubsequences: false)
            records.append(Record(key: parts.count > 3 ? String(parts[3]) : nil, value: line))
            guard records.count == 10_000 else { continue }
            try topic.append(contentsOf: records)
            written += records.count
            records.removeAll(keepingCapacity: true)
        }
        try topic.append(contentsOf: records)
        written += records.count

        var replayed = 0
        for partition in topic.partitions {
            try partition.scan(from: .earliest) { _ in
                replayed += 1
                return true
            }
        }
        print("wrote \(written) records, replayed \(replayed)")
        try log.close()
    }
}
