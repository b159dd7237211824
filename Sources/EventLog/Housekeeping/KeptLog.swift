internal import Logging
internal import Storage
internal import Synchronization

/// What those see of a log that keep it in bounds. Not the log itself: whoever drops that ends them, and must not find
/// that one of them holds it.
struct KeptLog: Sendable {
    let topicTable: TopicTable
    let committer: Committer
    let checkpointer: Checkpointer
    let environment: Environment
    let logger: Logger
    let state: KeptState

    /// By name.
    var topics: [Topic] { topicTable.all }

    var settings: LogSettings { state.settings.withLock { $0 } }

    /// True: the log is being closed, and what is under way ends where it can.
    var isClosing: Bool { state.isClosing.load(ordering: .acquiring) }
}

/// What a log and those who keep it in bounds tell each other.
final class KeptState: Sendable {
    let settings: Mutex<LogSettings>
    let isClosing = Atomic(false)
    /// Directories of partitions whose segment could not be ended; said once.
    fileprivate let unended = Mutex<Set<String>>([])

    init(_ settings: LogSettings) { self.settings = Mutex(settings) }
}

extension KeptLog {
    /// Ends the segments that are written to in compacted topics, where their first record is older than `segment.ms` or
    /// `max.compaction.lag.ms`: nothing is compacted in a segment that may grow, and nobody may ever append to it again.
    func rollAgedSegments() {
        let now = environment.now()
        for topic in topics where topic.settings.isCompacted {
            for partition in topic.partitions where partition.failure == nil && !isClosing {
                end(partition, now)
            }
        }
    }

    /// What cannot be done is tried again at the next pass; meanwhile appends go on in the segment.
    private func end(_ partition: Partition, _ now: Timestamp) {
        do throws(FileError) {
            try partition.roll(startedBefore: now)
            state.unended.withLock { _ = $0.remove(partition.directory) }
        } catch {
            guard state.unended.withLock({ $0.insert(partition.directory).inserted }) else { return }
            logger.warning(
                "a segment cannot be ended, and is not compacted before it is",
                metadata: partition.metadata("error", "\(error)"))
        }
    }
}

extension Partition {
    /// Which partition a line of the log is about.
    func metadata(_ name: String, _ value: String) -> Logger.Metadata {
        ["topic": "\(topicName)", "partition": "\(index)", "\(name)": "\(value)"]
    }
}
