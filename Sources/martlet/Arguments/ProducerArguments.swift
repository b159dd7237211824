import ArgumentParser
import KafkaClient

/// How records are sent.
struct ProducerArguments: ParsableArguments {
    enum Acks: String, ExpressibleByArgument, CaseIterable {
        case all
        case leader = "1"
        case none = "0"
    }

    enum Codec: String, ExpressibleByArgument, CaseIterable {
        case lz4, none
    }

    @Option(help: "all: acknowledged when on stable storage; 1: when written; 0: never.")
    var acks = Acks.all

    @Option(name: [.customShort("z"), .long], help: "How batches are compressed.")
    var compression = Codec.lz4

    @Option(
        help: ArgumentHelp(
            "The most bytes of one record; the topic's max.message.bytes must allow it, too.", valueName: "n"))
    var recordBytesMax = ProducerOptions().requestBytesMax

    func validate() throws {
        guard (1...LineReader.lineBytesMax).contains(recordBytesMax) else {
            throw ValidationError("--record-bytes-max takes 1 to \(LineReader.lineBytesMax)")
        }
    }

    var options: ProducerOptions {
        var options = ProducerOptions()
        options.requestBytesMax = recordBytesMax
        options.compression = compression == .lz4 ? .lz4 : .none
        switch acks {
        case .all: options.acks = .all
        case .leader: options.acks = .leader
        case .none: options.acks = .none
        }
        if acks != .all { options.isIdempotent = false }
        return options
    }
}
