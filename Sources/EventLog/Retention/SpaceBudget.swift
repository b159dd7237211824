/// Who gives up segments so that a directory stays within `retention.total.bytes`: the topics that have more than their
/// share, the one furthest over it first, its oldest segment first. Pure: someone else deletes.
struct SpaceBudget {
    /// A topic whose segments may go.
    struct Topic {
        /// Of all its partitions, with what cannot go.
        var bytes: Int
        var partitions: [Queue]
    }

    /// A partition's sealed segments, oldest first: those that may go, in this order.
    struct Queue {
        private var rest: ArraySlice<Int>
        /// The latest time in the first of the rest.
        private let newest: (Int) -> Timestamp

        /// `newest`: of the segment at an index; asked for the first of the rest alone.
        init(_ bytes: [Int], newest: @escaping (Int) -> Timestamp) {
            rest = bytes[...]
            self.newest = newest
        }

        var next: (bytes: Int, time: Timestamp)? { rest.first.map { ($0, newest(rest.startIndex)) } }

        mutating func removeFirst() { rest.removeFirst() }
    }

    private(set) var topics: [Topic]
    /// Every topic may have so much: those that have less leave theirs to the others.
    let share: Int
    private(set) var surplus: Int

    /// `fixed`: bytes that nobody here can give up.
    init(limit: Int, fixed: Int, topics: [Topic]) {
        self.topics = topics
        let used = topics.reduce(fixed) { Self.sum($0, $1.bytes) }
        surplus = max(0, used - limit)
        share = Self.share(of: max(0, limit - fixed), among: topics.map(\.bytes))
    }

    private static func sum(_ a: Int, _ b: Int) -> Int {
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? .max : sum
    }

    /// The level that fills `bytes` when each takes no more than it has.
    static func share(of bytes: Int, among sizes: [Int]) -> Int {
        var rest = bytes
        for (i, size) in sizes.sorted().enumerated() {
            let level = rest / (sizes.count - i)
            if size > level { return level }
            rest -= size
        }
        return .max
    }

    /// Whose first segment goes next; nil: it is enough, or nobody who is over the share has one.
    mutating func next() -> (topic: Int, partition: Int)? {
        guard surplus > 0 else { return nil }
        let over = topics.indices.filter { i in
            topics[i].bytes > share && topics[i].partitions.contains { $0.next != nil }
        }
        guard let topic = over.max(by: { topics[$0].bytes < topics[$1].bytes }) else { return nil }
        let candidates = topics[topic].partitions.enumerated().compactMap { i, queue in queue.next.map { (i, $0) } }
        guard let (partition, segment) = candidates.min(by: { $0.1.time < $1.1.time }) else { return nil }
        topics[topic].partitions[partition].removeFirst()
        topics[topic].bytes -= segment.bytes
        surplus = max(0, surplus - segment.bytes)
        return (topic, partition)
    }
}
