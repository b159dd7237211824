import ArgumentParser
import KafkaClient

struct Consume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints a topic's records, from any offset or point in time, or as a member of a group.",
        discussion: """
            Stops at what is the end when it starts, unless --follow is given. Within a partition records come in order.

            With --group it is a member of a consumer group: it prints the records of its share of the partitions, from \
            where the group has come to, and commits what it has printed. Members may be of any kind of client, as long \
            as they have an assignor in common.

            POSITIONS (--from, --to)
              \(Position.list.indented)

            FORMAT (--format), as kcat has it
              \(RecordTemplate.list.indented)

            EXAMPLES
              martlet consume readings
              martlet consume readings --from -1h --follow
              martlet consume readings --from 2026-01-31 --to 2026-02-01 --json
              martlet consume readings -p 2 --from 1000 --max 10 -F '%o %D %s\\n'
              martlet consume readings --skip-damaged
              martlet consume readings --group dashboard --follow
              martlet consume readings --group nightly --max 1000 --offset-reset latest
              martlet consume readings -g dashboard --instance-id kitchen --assignor range
            """)

    @Argument(help: "The topic.")
    var topic: String

    @Option(
        parsing: .unconditional, help: ArgumentHelp("Where to start. (default: earliest)", valueName: "position"),
        transform: Position.init(parsing:))
    var from: Position?

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

    @Flag(help: "Goes on behind records that are damaged, and says which those are.")
    var skipDamaged = false

    @OptionGroup var membership: MembershipArguments

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if let max, max < 0 { throw ValidationError("--max takes 0 or more") }
        if json, format != nil {
            throw ValidationError("records are printed as JSON or by a format: give one of the two")
        }
        if follow, to != nil { throw ValidationError("--follow has no end: leave --to out, or --follow") }
        if partition.contains(where: { $0 < 0 }) { throw ValidationError("a partition is 0 or more") }
        guard membership.group != nil else { return }
        if skipDamaged {
            throw ValidationError(
                "--skip-damaged is for one reader: leave --group out, or move the group with 'martlet group reset'")
        }
        if from != nil {
            throw ValidationError(
                "--group starts where the group has come to: leave --from out, or move it with 'martlet group reset'")
        }
        if to != nil { throw ValidationError("--group has no --to: leave it out, or --group") }
        if !partition.isEmpty {
            throw ValidationError("--group gives out the partitions itself: leave --partition out, or --group")
        }
    }

    func run() async throws {
        guard max != 0 else { return }
        try await connection.withClient { client in
            if let group = membership.group { return try await consume(as: group, client) }
            let now = Timestamp.now
            let consumer = try await client.makeConsumer(
                topic: topic, partitions: partition.isEmpty ? nil : partition,
                from: (from ?? .earliest).start(now: now),
                until: follow ? .never : to?.stop(now: now) ?? .end)
            try await print(consumer)
            await consumer.close()
        }
    }

    private func print(_ consumer: Consumer) async throws {
        var printer = makePrinter(isPrompt: follow || StandardOutput.isTerminal)
        var damage = DamagePassing(consumer)
        do {
            while !printer.isFull {
                do {
                    guard let batch = try await consumer.next() else { break }
                    _ = try printer.print(batch)
                    damage.readBehind(batch)
                } catch let error as KafkaClientError where skipDamaged {
                    try damage.pass(error)
                }
            }
            damage.finish()
        } catch {
            // What was read before is printed: an end that is an error costs nothing of it.
            try printer.finish()
            throw error
        }
        try printer.finish()
    }

    func makePrinter(isPrompt: Bool) -> RecordPrinter {
        RecordPrinter(json ? nil : format ?? .valueLine, recordsMax: max, isPrompt: isPrompt)
    }
}

/// Goes on behind records that are damaged, offset by offset: where they end, only a fetch from behind them tells.
private struct DamagePassing {
    private let consumer: Consumer
    private var ranges: [TopicPartition: ClosedRange<Offset>] = [:]

    init(_ consumer: Consumer) { self.consumer = consumer }

    /// Throws what is no damage.
    mutating func pass(_ error: KafkaClientError) throws {
        switch error {
        case .damagedPartition(let topic, let partition, let offset),
            .unreadableBatch(let topic, let partition, let offset, _):
            let place = TopicPartition(topic: topic, partition: partition)
            let first = ranges[place].flatMap { $0.upperBound.advanced(by: 1) == offset ? $0.lowerBound : nil }
            if first == nil { say(place) }
            ranges[place] = (first ?? offset)...offset
            try consumer.seek(place, to: offset.advanced(by: 1))
        default: throw error
        }
    }

    mutating func readBehind(_ batch: ConsumedBatch) {
        say(TopicPartition(topic: batch.topic, partition: batch.partition))
    }

    mutating func finish() { for place in ranges.keys { say(place) } }

    private mutating func say(_ place: TopicPartition) {
        guard let range = ranges.removeValue(forKey: place) else { return }
        StandardError.print(
            "\(place): offsets \(range.lowerBound) to \(range.upperBound) are damaged, and were passed over")
    }
}

extension String {
    /// For a block of help: its lines after the first, two columns in.
    var indented: String { split(separator: "\n").joined(separator: "\n  ") }
}
