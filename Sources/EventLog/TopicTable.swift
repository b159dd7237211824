internal import Synchronization

/// The topics that are served, by name and by id.
final class TopicTable: Sendable {
    private let tables = Mutex(Tables())

    private struct Tables {
        var byName: [String: Topic] = [:]
        var byID: [TopicID: Topic] = [:]
        /// In the order in which they came: what goes through all of them is to do so the same way each time.
        var inOrder: [Topic] = []
    }

    func topic(_ name: String) -> Topic? { tables.withLock { $0.byName[name] } }
    func topic(_ id: TopicID) -> Topic? { tables.withLock { $0.byID[id] } }

    /// In order of name.
    var all: [Topic] { tables.withLock { Array($0.byName.values) }.sorted { $0.name < $1.name } }

    var partitions: [Partition] { tables.withLock { $0.inOrder.flatMap(\.partitions) } }

    func add(_ topic: Topic) {
        tables.withLock { tables in
            tables.byName[topic.name] = topic
            tables.byID[topic.id] = topic
            tables.inOrder.append(topic)
        }
    }

    func remove(_ topic: Topic) {
        tables.withLock { tables in
            tables.byName[topic.name] = nil
            tables.byID[topic.id] = nil
            tables.inOrder.removeAll { $0 === topic }
        }
    }
}
