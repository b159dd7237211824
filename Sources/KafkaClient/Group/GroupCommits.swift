internal import KafkaProtocol
internal import Logging
internal import NIOCore
internal import Synchronization

/// Says which of two commits was asked for first, wherever they wait in the meantime.
final class CommitTickets: Sendable {
    private let last = Atomic<UInt64>(0)

    func draw() -> UInt64 { last.add(1, ordering: .relaxed).newValue }
}

/// One commit at a time, in the order in which they were asked for: one that is tried again must not put an offset back
/// that a later one has moved on.
struct CommitTurns {
    private var isTaken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []
    /// Of each partition, the commit that its offset is of.
    private var done: [TopicPartition: UInt64] = [:]

    var waitingCount: Int { waiting.count }

    /// Whether there was no need to wait.
    mutating func take() -> Bool {
        defer { isTaken = true }
        return !isTaken
    }

    mutating func wait(_ continuation: CheckedContinuation<Void, Never>) { waiting.append(continuation) }

    mutating func pass() {
        if waiting.isEmpty { isTaken = false } else { waiting.removeFirst().resume() }
    }

    func isOutdated(_ ticket: UInt64, _ partition: TopicPartition) -> Bool { done[partition, default: 0] > ticket }

    mutating func finish(_ ticket: UInt64, _ partition: TopicPartition) { done[partition] = ticket }
}

extension GroupSession {
    /// What the application has taken, to the last record of it.
    nonisolated func commitTaken() async throws(KafkaClientError) {
        try await commit(buffer.takenPositions, ticket: tickets.draw(), onlyChanged: true)
    }

    /// Commits what the application has gone past, of these partitions; nil: of all.
    func commitPassed(_ partitions: Set<TopicPartition>? = nil) async {
        let positions = buffer.passedPositions.filter { partitions?.contains($0.key) ?? true }
        do throws(KafkaClientError) {
            try await commit(positions, ticket: tickets.draw(), onlyChanged: true, onlyOwned: true)
        } catch {
            // The next commit has them, or who has the partition next reads them again.
            logger?.warning("offsets were not committed", metadata: ["group": "\(group)", "error": "\(error)"])
        }
    }

    nonisolated func commit(_ positions: [TopicPartition: GroupOffset]) async throws(KafkaClientError) {
        try await commit(positions, ticket: tickets.draw())
    }

    /// Commits when its turn comes, and tries again while it may pass, for up to `requestTimeout`.
    /// - Parameters:
    ///   - ticket: drawn when the positions were read.
    ///   - onlyChanged: leaves out what is committed already.
    ///   - onlyOwned: leaves out what has gone to others in the meantime, instead of throwing.
    func commit(
        _ positions: [TopicPartition: GroupOffset], ticket: UInt64, onlyChanged: Bool = false, onlyOwned: Bool = false
    ) async throws(KafkaClientError) {
        let deadline = NIODeadline.now() + TimeAmount(offsets.options.requestTimeout)
        if !turns.take() { await withCheckedContinuation { turns.wait($0) } }
        defer { turns.pass() }
        var left = onlyChanged ? positions.filter { committed[$0.key]?.offset != $0.value.offset } : positions
        var failures = 0
        while !left.isEmpty {
            switch membership.state {
            case .failed(let error): throw error
            case .closed: throw .closed
            case .idle, .releasing, .joining, .syncing, .stable, .waiting, .away: break
            }
            left = left.filter { !turns.isOutdated(ticket, $0.key) }
            if onlyOwned { left = left.filter { membership.owned.contains($0.key) } }
            guard left.keys.allSatisfy(membership.owned.contains) else { throw .commitRefused(group: group) }
            if left.isEmpty { return }
            let (refused, fault) = try await tryToCommit(left)
            for partition in left.keys where refused[partition] == nil { turns.finish(ticket, partition) }
            left = refused
            guard !left.isEmpty else { return }
            guard NIODeadline.now() < deadline else { throw fault.commitError(group: group) }
            failures += 1
            try await offsets.pause(backoff.pause(afterFailures: failures))
        }
    }

    /// One request. Returns what is to be tried again, and why; throws where that makes no sense.
    private func tryToCommit(
        _ positions: [TopicPartition: GroupOffset]
    ) async throws(KafkaClientError) -> ([TopicPartition: GroupOffset], GroupFault) {
        guard membership.isInGeneration else { throw .commitRefused(group: group) }
        let member = GroupOffsets.Member(
            group: group, memberID: membership.memberID, generation: membership.generation,
            instanceID: options.instanceID)
        let refused: [TopicPartition: ErrorCode]
        do throws(GroupFault) {
            let coordinator = try await coordinatorOfOffsets()
            do throws(KafkaClientError) {
                refused = try await GroupOffsets.commit(positions, of: member, at: coordinator)
            } catch {
                throw GroupFault(error)
            }
        } catch {
            note(error, "OffsetCommit")
            if case .fatal(let error) = error { throw error }
            offsetCoordinator = nil
            return (positions, error)
        }
        for (partition, position) in positions where refused[partition] == nil { committed[partition] = position }
        guard let (partition, code) = refused.first else { return ([:], .notNow) }
        let fault = code == .unknownTopicOrPartition ? .notNow : GroupFault(code, group: group)
        note(fault, "OffsetCommit")
        try take(fault, of: member, partition, code)
        return (positions.filter { refused[$0.key] != nil }, fault)
    }

    /// Throws where a commit that was refused is not to be tried again.
    private func take(
        _ fault: GroupFault, of member: GroupOffsets.Member, _ partition: TopicPartition, _ code: ErrorCode
    ) throws(KafkaClientError) {
        switch fault {
        case .illegalGeneration, .unknownMember, .rebalanceInProgress:
            // Where there is another generation by now, what is still the consumer's is committed in that.
            guard member.generation == membership.generation, !membership.isBetweenGenerations else { return }
            let isReleasing = membership.state == .releasing(next: .join)
            handle(.commitRefused(generation: member.generation, fault))
            // The rebalance that it waits for waits for it.
            if fault != .rebalanceInProgress || isReleasing { throw fault.commitError(group: group) }
        case .fenced:
            handle(.commitRefused(generation: member.generation, fault))
            throw membership.fencedError
        case .coordinatorLost: offsetCoordinator = nil
        case .notNow, .memberIDRequired: break
        case .fatal: throw KafkaClientError(code, topic: partition.topic)
        }
    }

    /// What is committed of the consumer's partitions, as the coordinator says.
    func committedPositions() async throws(KafkaClientError) -> [TopicPartition: GroupOffset] {
        let partitions = membership.owned.sorted()
        guard !partitions.isEmpty else { return [:] }
        let deadline = NIODeadline.now() + TimeAmount(offsets.options.requestTimeout)
        var failures = 0
        while true {
            do throws(GroupFault) {
                return try await GroupOffsets.fetch(partitions, of: group, at: try await coordinatorOfOffsets())
                    .compactMapValues { $0 }
            } catch {
                if case .fatal(let error) = error { throw error }
                guard NIODeadline.now() < deadline else { throw error.commitError(group: group) }
                offsetCoordinator = nil
                failures += 1
            }
            try await offsets.pause(backoff.pause(afterFailures: failures))
        }
    }
}

extension GroupFault {
    /// For who committed, or asked, in vain.
    fileprivate func commitError(group: String) -> KafkaClientError {
        switch self {
        case .fatal(let error): error
        case .coordinatorLost: KafkaClientError(.coordinatorNotAvailable)
        case .notNow: KafkaClientError(.coordinatorLoadInProgress)
        case .rebalanceInProgress: KafkaClientError(.rebalanceInProgress)
        case .memberIDRequired, .illegalGeneration, .unknownMember, .fenced: .commitRefused(group: group)
        }
    }
}
