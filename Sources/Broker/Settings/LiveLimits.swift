internal import Synchronization

/// The limits that change while the broker runs. Whoever changes settings publishes them; connections read them as they
/// go, without a lock.
final class LiveLimits: Sendable {
    private let request: Atomic<Int>
    private let fetch: Atomic<Int>
    private let connection: Atomic<Int>
    private let metadata: Atomic<Int>

    init(_ settings: BrokerSettings) {
        request = Atomic(settings.limits.requestBytes)
        fetch = Atomic(settings.limits.fetchBytes)
        connection = Atomic(settings.limits.connections)
        metadata = Atomic(Int(settings.groups.offsetMetadataBytesMax))
    }

    func publish(_ settings: BrokerSettings) {
        request.store(settings.limits.requestBytes, ordering: .relaxed)
        fetch.store(settings.limits.fetchBytes, ordering: .relaxed)
        connection.store(settings.limits.connections, ordering: .relaxed)
        metadata.store(Int(settings.groups.offsetMetadataBytesMax), ordering: .relaxed)
    }

    /// The largest request, in bytes.
    var requestBytes: Int { request.load(ordering: .relaxed) }
    /// The most bytes of records in one answer.
    var fetchBytes: Int { fetch.load(ordering: .relaxed) }
    var connections: Int { connection.load(ordering: .relaxed) }
    /// Of the text that is committed with an offset.
    var offsetMetadataBytes: Int { metadata.load(ordering: .relaxed) }
}
