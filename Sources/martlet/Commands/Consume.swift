import ArgumentParser
import KafkaClient

struct Consume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints a topic's records, from any offset or point in time.",
        discussion: """
            Stops at what is the end when it starts, unless --follow is given. Within a partition records come in order.

            POSITIONS (--from, --to)
              \(Position.list.indented)

            FORMAT (--format), as kcat has it
              \(RecordTemplate.list.indented)

            EXAMPLES
              martlet consume readings
              martlet consume readings --from -1h --follow
              martlet consume readings --from 2026-01-31 --to 2026-02-01 --json
              martlet consume readings -p 2 --from 1000 --max 10 -F '%o %D %s\\n'
            """)

    @Argument(help: "The topic.")
    var topic: String

    @Option(
        parsing: .unconditional, help: ArgumentHelp("Where to start. (default: earliest)", valueName: "position"),
        transform: Position.init(parsing:))
    var from = Position.earliest

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Before which record to stop. (default: the end, as it is now)", valueName: "position"),
        transform: Position.init(parsing:))
    var to: Position?

    @Option(help: ArgumentHelp("How many records to print at most.", valueName: "n"))
    var max: Int?

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("A partition to read; may be repeated. All if not given.", valueName: "n"))
    var partition: [Int] = []

    @Option(
        name: [.customShort("F"), .long],
        help: ArgumentHelp("How a record is printed. (default: %s\\n)", valueName: "format"),
        transform: RecordTemplate.init(parsing:))
    var format: RecordTemplate?

    @Flag(help: "Prints a line of JSON for each record.")
    var json = false

    @Flag(name: [.short, .long], help: "Goes on with records as they come, until it is interrupted.")
    var follow = false

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if let max, max < 0 { throw ValidationError("--max takes 0 or more") }
        if json, format != nil {
            throw ValidationError("records are printed as JSON or by a format: give one of the two")
        }
        if follow, to != nil { throw ValidationError("--follow has no end: leave --to out, or --follow") }
        if partition.contains(where: { $0 < 0 }) { throw ValidationError("a partition is 0 or more") }
    }

    func run() async throws {
        guard max != 0 else { return }
        try await connection.withClient { client in
            let now = Timestamp.now
            let consumer = try await client.makeConsumer(
                topic: topic, partitions: partition.isEmpty ? nil : partition, from: from.start(now: now),
                until: follow ? .never : to?.stop(now: now) ?? .end)
            try await print(consumer)
            await consumer.close()
        }
    }

    private struct Enough: Error {}

    private func print(_ consumer: Consumer) async throws {
        let template = format ?? .valueLine
        let isPrompt = follow || StandardOutput.isTerminal
        var progress = Progress("Reading", isShown: StandardError.isTerminal && !StandardOutput.isTerminal)
        var out = StandardOutput()
        var done = Throughput()
        do {
            while let batch = try await consumer.next() {
                try batch.forEachRecord { record in
                    if json {
                        RecordJSON.append(record, topic: batch.topic, partition: batch.partition, to: &out.bytes)
                    } else {
                        template.append(record, topic: batch.topic, partition: batch.partition, to: &out.bytes)
                    }
                    try out.flushIfLarge()
                    done.add(record)
                    if done.records == max { throw Enough() }
                }
                if isPrompt { try out.flush() }
                if progress.isDue { progress.update(done, fraction: nil) }
            }
        } catch is Enough {
        } catch {
            // What was read before is printed: an end that is an error costs nothing of it.
            progress.finish()
            try out.flush()
            throw error
        }
        progress.finish()
        try out.flush()
    }
}

extension String {
    /// For a block of help: its lines after the first, two columns in.
    var indented: String { split(separator: "\n").joined(separator: "\n  ") }
}

extension Throughput {
    mutating func add(_ record: borrowing RecordView) {
        records += 1
        if let key = record.key { payloadBytes += key.byteCount }
        if let value = record.value { payloadBytes += value.byteCount }
    }
}
