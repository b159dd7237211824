internal import Synchronization

/// What readers may see of a partition. The committer publishes the end, who deletes records the
/// start; readers load: nobody waits for anybody.
final class Watermarks: Sendable {
    private let start: Atomic<Int64>
    private let durable: Atomic<Int64>

    init(start: Offset, durable: Offset) {
        self.start = Atomic(start.value)
        self.durable = Atomic(durable.value)
    }

    /// The first offset that is still there.
    var logStart: Offset { Offset(start.load(ordering: .acquiring)) }
    /// The offset after the last record that is durable, or as durable as its topic wants it: Kafka's high watermark.
    var end: Offset { Offset(durable.load(ordering: .acquiring)) }

    func publish(start offset: Offset) {
        precondition(offset >= logStart, "deleted records came back: \(logStart) to \(offset)")
        precondition(offset <= end, "deleted past the end: \(offset) of \(end)")
        start.store(offset.value, ordering: .releasing)
    }

    func publish(end offset: Offset) {
        precondition(offset >= end, "durability went backwards: \(end) to \(offset)")
        durable.store(offset.value, ordering: .releasing)
    }
}
