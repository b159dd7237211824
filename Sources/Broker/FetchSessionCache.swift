internal import EventLog
internal import KafkaProtocol
internal import NIOCore
internal import Synchronization

/// The fetch sessions of all clients. There is room for so many sessions and so many partitions of them all; a client
/// that gets none is told everything in each answer, as one that wants none.
///
/// Room is made by Kafka's rule: the session that was unused for longest goes, if that is two minutes; else the
/// smallest one that is smaller than the new one, and has been there for two minutes.
final class FetchSessionCache: Sendable {
    private let state: Mutex<State>

    private struct State {
        var limits: Limits
        var sessions: [Int32: Entry] = [:]
        var partitionCount = 0

        /// The session, to be closed when the lock is given back; nil: it is not there.
        mutating func remove(_ id: Int32) -> FetchSession? {
            guard let entry = sessions.removeValue(forKey: id) else { return nil }
            partitionCount -= entry.partitionCount
            return entry.session
        }
    }

    private struct Entry {
        let session: FetchSession
        var partitionCount: Int
        let created: NIODeadline
        var lastUsed: NIODeadline
    }

    init(_ limits: Limits) {
        state = Mutex(State(limits: limits))
    }

    /// From now on these are in force. Sessions that are over them go as others come.
    func take(_ limits: Limits) { state.withLock { $0.limits = limits } }

    /// How many there are.
    var count: Int { state.withLock { $0.sessions.count } }

    /// What a fetch reads, by its session id and epoch.
    func source(
        of request: FetchRequest, version: Int16, now: NIODeadline = .now()
    ) throws(FetchSessionError) -> FetchSource {
        let usesTopicIDs = version >= FetchRequest.firstTopicIDVersion
        guard request.sessionEpoch != 0, request.sessionEpoch != -1 else {
            // It begins anew, or closes.
            if request.sessionID != 0 { give(up: request.sessionID) }
            return .request(request, opensSession: request.sessionEpoch == 0)
        }
        guard let session = use(request.sessionID, now) else { throw .unknown }
        let count = try session.take(request, usesTopicIDs: usesTopicIDs)
        guard count > 0 else {
            give(up: session.id)
            return .request(FetchRequest(), opensSession: false)
        }
        guard canKeep(request), record(count, of: session) else {
            give(up: session.id)
            throw .unknown
        }
        return .session(session, epoch: request.sessionEpoch)
    }

    private func give(up id: Int32) { state.withLock { $0.remove(id) }?.close() }

    private func use(_ id: Int32, _ now: NIODeadline) -> FetchSession? {
        state.withLock { state in
            state.sessions[id]?.lastUsed = now
            return state.sessions[id]?.session
        }
    }

    /// Names that no topic can have would make a session larger than its count of partitions says.
    private func canKeep(_ request: FetchRequest) -> Bool {
        request.topics.allSatisfy { $0.topic.utf8.count <= TopicName.lengthMax }
    }

    /// False: the session has grown past what there is room for.
    private func record(_ count: Int, of session: FetchSession) -> Bool {
        state.withLock { state in
            guard let entry = state.sessions[session.id], entry.session === session else { return true }
            state.sessions[session.id]?.partitionCount = count
            state.partitionCount += count - entry.partitionCount
            return count <= state.limits.fetchSessionPartitions
                && state.partitionCount <= state.limits.fetchSessionsPartitions
        }
    }

    /// A session for who sent a full fetch, from the next request on: its id, or 0 where there is no room.
    func open(
        _ request: FetchRequest, answered response: FetchResponse, version: Int16, now: NIODeadline = .now()
    ) -> Int32 {
        let asked = request.topics.reduce(0) { $0 + $1.partitions.count }
        guard asked > 0, canKeep(request) else { return 0 }
        var evicted: [FetchSession] = []
        defer { for session in evicted { session.close() } }
        return state.withLock { state in
            guard asked <= state.limits.fetchSessionPartitions, makeRoom(for: asked, &state, now, &evicted) else {
                return 0
            }
            var id = Int32.random(in: 1...Int32.max)
            while state.sessions[id] != nil { id = Int32.random(in: 1...Int32.max) }
            let session = FetchSession(
                id: id, usesTopicIDs: version >= FetchRequest.firstTopicIDVersion, request, answered: response)
            // A partition that was named twice is there once.
            let count = session.partitionCount
            state.sessions[id] = Entry(session: session, partitionCount: count, created: now, lastUsed: now)
            state.partitionCount += count
            return id
        }
    }

    private func makeRoom(for count: Int, _ state: inout State, _ now: NIODeadline, _ evicted: inout [FetchSession])
        -> Bool
    {
        while state.sessions.count >= state.limits.fetchSessions
            || state.partitionCount + count > state.limits.fetchSessionsPartitions
        {
            guard let victim = victim(for: count, state, now) else { return false }
            if let session = state.remove(victim) { evicted.append(session) }
        }
        return true
    }

    /// Who goes for a session of `count` partitions.
    private func victim(for count: Int, _ state: State, _ now: NIODeadline) -> Int32? {
        let old = now - .milliseconds(Int64(state.limits.fetchSessionMilliseconds))
        if let idle = state.sessions.values.min(by: { $0.lastUsed < $1.lastUsed }), idle.lastUsed <= old {
            return idle.session.id
        }
        return state.sessions.values.lazy.filter { $0.created <= old && $0.partitionCount < count }
            .min { $0.partitionCount < $1.partitionCount }?.session.id
    }
}
