import ArgumentParser
import KafkaClient
import RecordFormat

/// Where topics are looked at: a broker that runs, or the directory of one that does not.
protocol TopicBackend: Sendable {
    /// By name.
    func topics() async throws -> [TopicSummary]
    /// A topic with its partitions and settings. Throws `unknownTopic`.
    func describe(_ topic: String) async throws -> TopicDescription
    func settings(ofTopic topic: String) async throws -> [Setting]
    /// What all topics of the directory may take together, in bytes; nil: nothing says so.
    func retentionTotal() async throws -> Int64?
    /// How much room records leave on the disk, in bytes; nil: the usual part of it.
    func minFree() async throws -> Int64?
    /// Where the partitions are, with their sizes, and how much room there is.
    func directories() async throws -> [LogDirectory]
    /// What lies at an offset of each partition; those that are not there are left out.
    func positions(at offsets: [TopicPartition: Offset]) async throws -> [TopicPartition: DescribedPosition]
    /// The first record of a time or later in each partition; those without are left out.
    func firstOffsets(at time: Timestamp, in partitions: [TopicPartition]) async throws -> [TopicPartition: Offset]
    /// Which segments the partitions of a topic have; nil: the broker does not say.
    func segments(of topic: String, partitions: [Int]) async throws -> [Int: DescribedSegments]?
}

extension TopicBackend {
    func minFree() async throws -> Int64? { nil }
}

/// A command about topics, which works on a broker and on a directory alike.
protocol TopicSubcommand: AsyncParsableCommand {
    var source: SourceOptions { get }
    /// Does the work. What it prints is the same whatever the topics are in.
    func perform(
        _ backend: any TopicBackend, now: Timestamp, to out: inout StandardOutput
    ) async throws -> ExitStatus
}

extension TopicSubcommand {
    func run() async throws {
        let status = try await source.withTopics { backend in
            var out = StandardOutput()
            let status = try await perform(backend, now: .now, to: &out)
            try out.flush()
            return status
        }
        try status.endUnlessSuccess()
    }
}
