import ArgumentParser
import KafkaClient

struct Produce: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Writes lines to a topic: each is a record's value.",
        discussion: """
            Returns when all records are acknowledged; so it does on Ctrl-C, with the lines that were read until then. A \
            field of JSON lines can be the key, or the time, of its record.

            EXAMPLES
              martlet produce readings data.ndjson --key-field device --timestamp-field ts
              tail -F /var/log/syslog | martlet produce syslog
              echo 'sensor-1:21.5' | martlet produce readings --key-separator :
            """)

    @Argument(help: "The topic.")
    var topic: String

    @Argument(help: "The file to read; standard input if not given.", completion: .file())
    var file: String?

    @Option(help: ArgumentHelp("The field of each line's JSON object that is the key.", valueName: "name"))
    var keyField: String?

    @Option(help: ArgumentHelp("What stands between key and value in each line.", valueName: "text"))
    var keySeparator: String?

    @Option(
        help: ArgumentHelp(
            "The field that is the record's time: milliseconds since 1970, or ISO 8601.", valueName: "name"))
    var timestampField: String?

    @Option(help: ArgumentHelp("The partition; chosen by the key if not given, as Kafka's clients do.", valueName: "n"))
    var partition: Int?

    @OptionGroup var producer: ProducerArguments
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Flag(name: [.short, .long], help: "Prints nothing on success.")
    var quiet = false

    func validate() throws {
        if keyField != nil, keySeparator != nil {
            throw ValidationError("a key is either a field or stands before a separator: give one of the two")
        }
        if keySeparator?.isEmpty == true { throw ValidationError("--key-separator is empty") }
        if let partition, partition < 0 { throw ValidationError("a partition is 0 or more") }
    }

    func run() async throws {
        var lines = try LineReader(path: file)
        Interruption.catchSignals()
        let layout = LineLayout(keyField: keyField, keySeparator: keySeparator, timestampField: timestampField)
        let (done, statistics) = try await connection.withClient { client in
            let producer = client.makeProducer(options: producer.options)
            let target = try await producer.topic(topic)
            let done = try await send(&lines, layout, producer, target)
            return (done, producer.statistics)
        }
        try print(done, statistics)
        if lines.wasInterrupted { throw ExitCode(ExitStatus.interrupted.rawValue) }
    }

    private func print(_ done: Throughput, _ statistics: ProducerStatistics) throws {
        guard !quiet else { return }
        var out = StandardOutput()
        if output.json {
            try Self.table(done, statistics).print(asJSON: true, to: &out)
        } else {
            try out.writeLine("\(done.text); \(statistics.wireBytesAcknowledged.asBytes) sent")
        }
        try out.flush()
    }

    private func send(
        _ lines: inout LineReader, _ layout: LineLayout, _ producer: Producer, _ target: ProducerTopic
    ) async throws -> Throughput {
        var progress = Progress("Writing")
        var done = Throughput()
        let failure: (any Error)?
        do {
            while let line = try lines.next() {
                let fields = try layout.fields(of: line, number: lines.lineNumber)
                while !(try enqueue(fields, of: line, target)) { try await producer.waitForSpace() }
                done.records += 1
                done.payloadBytes += line.count
                if done.records % 256 == 0, progress.isDue {
                    let (read, total) = (lines.bytesRead, lines.totalBytes)
                    progress.update(done, fraction: total.map { $0 > 0 ? Double(read) / Double($0) : 1 })
                }
            }
            failure = nil
        } catch {
            failure = error
        }
        // What came before a bad line is sent all the same: the message says from which line to go on.
        do { try await producer.close() } catch { throw failure ?? error }
        done.elapsed = progress.elapsed
        progress.finish()
        if let failure { throw failure }
        return done
    }

    private func enqueue(
        _ fields: LineLayout.Fields, of line: UnsafeRawBufferPointer, _ target: ProducerTopic
    ) throws(KafkaClientError) -> Bool {
        let value = UnsafeRawBufferPointer(rebasing: line[fields.value]).bytes
        guard let key = fields.key else {
            return try target.tryEnqueue(key: nil, value: value, timestamp: fields.timestamp, partition: partition)
        }
        return try target.tryEnqueue(
            key: key.span.bytes, value: value, timestamp: fields.timestamp, partition: partition)
    }

    static func table(_ done: Throughput, _ statistics: ProducerStatistics) -> Table {
        var table = Table([
            .init("records", "Records"), .init("payloadBytes", "Payload"), .init("seconds", "Seconds"),
            .init("recordsPerSecond", "Records/s"), .init("wireBytes", "Sent"),
        ])
        table.add(
            .init(done.records), .init(done.payloadBytes), .decimal(done.elapsed.seconds.rounded(toPlaces: 3)),
            .init(done.recordsPerSecond), .init(statistics.wireBytesAcknowledged))
        return table
    }
}
