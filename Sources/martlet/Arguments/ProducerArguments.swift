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

    var options: ProducerOptions {
        var options = ProducerOptions()
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
