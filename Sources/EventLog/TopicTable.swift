internal import Synchronization

/// The topics that are served, by name and by id.
final class TopicTable: Sendable {
    private let tables = Mutex(Tables())

    private struct Tables {
        var byName: [String: Topic] = [:]
        var byID: [TopicID: Topic] = [:]
    }

    func topic(_ name: String) -> Topic? { tables.withLock { $0.byName[name] } }
    func topic(_ id: TopicID) -> Topic? { tables.withLock { $0.byID[id] } }

    /// In order of name.
    var all: [Topic] { tables.withLock { Array($0.byName.values) }.sorted { $0.name < $1.name } }

    var partitions: [Partition] { tables.withLock { $0.byName.values.flatMap(\.partitions) } }

    func add(_ topic: Topic) {
        tables.withLock { tables in
            tables.byName[topic.name] = topic
            tables.byID[topic.id] = topic
        }
    }

    func remove(_ topic: Topic) {
        tables.withLock { tables in
            tables.byName[topic.name] = nil
            tables.byID[topic.id] = nil
        }
    }
}
