internal import KafkaProtocol
internal import Logging
internal import NIOCore

/// Carries out what a consumer's membership of its group asks for: sends its requests, gives and takes partitions, tells
/// the application, commits. Runs on the event loop of its connections.
actor GroupSession {
    nonisolated var unownedExecutor: UnownedSerialExecutor { members.loop.executor.asUnownedSerialExecutor() }

    typealias Listener = @Sendable (GroupConsumer, RebalanceEvent) async -> Void

    private nonisolated let requests: GroupRequests
    nonisolated let buffer: FetchBuffer
    private nonisolated let fetcher: Fetcher
    /// For joining and heartbeats: a broker answers in order, and the answer to a join may take minutes.
    private nonisolated let members: Cluster
    /// For offsets, metadata and leaving.
    nonisolated let offsets: Cluster
    private nonisolated let listener: Listener?
    private weak var consumer: GroupConsumer?

    private(set) var membership: GroupMembership
    private var answer: GroupRequests.JoinAnswer?
    /// The last of the changes that are carried out one after the other.
    private var changes: Task<Void, Never>?
    /// What the application was told that it has.
    private var told: Set<TopicPartition> = []
    var committed: [TopicPartition: GroupOffset] = [:]
    /// The order of the commits.
    nonisolated let tickets = CommitTickets()
    var turns = CommitTurns()
    /// Of all members' topics, when this member assigned them as the leader.
    private var assignedCounts: [String: Int] = [:]
    private var lookedAt = NIODeadline.now()
    /// Where to go on with the group, until it turns out not to be there.
    private var memberCoordinator: BrokerConnection?
    var offsetCoordinator: BrokerConnection?
    private(set) var isClosing = false
    private var closing: Task<Void, Never>?
    private var isCommitting = false

    nonisolated var options: GroupConsumerOptions { requests.options }
    nonisolated var group: String { requests.group }
    nonisolated var logger: Logger? { members.options.logger }
    nonisolated var backoff: Backoff { Backoff(first: options.fetch.retryBackoff) }

    init(
        _ requests: GroupRequests, _ buffer: FetchBuffer, _ fetcher: Fetcher, members: Cluster, offsets: Cluster,
        listener: Listener?
    ) {
        self.requests = requests
        self.buffer = buffer
        self.fetcher = fetcher
        self.members = members
        self.offsets = offsets
        self.listener = listener
        let instanceID = requests.options.instanceID
        membership = GroupMembership(
            isCooperative: requests.options.assignors.allSatisfy(\.isCooperative), isStatic: instanceID != nil,
            fencedError: .fencedInstance(group: requests.group, instanceID: instanceID ?? ""))
    }

    /// What it is made of, for tests of what is left of it.
    nonisolated var parts: [AnyObject] { [buffer, fetcher, fetcher.cluster, members, offsets] }

    func start(_ consumer: GroupConsumer) {
        self.consumer = consumer
        Task { await fetcher.run() }
        Task { await beat() }
        Task { await watchForPartitions() }
        if let interval = options.autoCommitInterval { Task { await commitRegularly(interval) } }
        handle(.start)
    }
}

// MARK: The state machine's hands

extension GroupSession {
    func handle(_ event: GroupMembership.Event) {
        for action in membership.handle(event) { carryOut(action) }
    }

    private func carryOut(_ action: GroupMembership.Action) {
        switch action {
        case .join(let attempt, let owned): Task { await join(attempt, owned) }
        case .sync(let attempt): Task { await sync(attempt) }
        case .heartbeat: Task { await heartbeat() }
        case .forgetCoordinator: memberCoordinator = nil
        case .heartbeatSoon(let failures):
            Task {
                try? await members.pause(backoff.pause(afterFailures: failures))
                handle(.heartbeatDue)
            }
        case .retry(let attempt, let failures):
            Task {
                try? await members.pause(backoff.pause(afterFailures: failures))
                handle(.retryDue(attempt: attempt))
            }
        case .revoke(let partitions):
            buffer.hold(Set(partitions))
            enqueue(.revoke(partitions))
        case .lose(let partitions):
            logger?.warning(
                "the group has gone on without this consumer: it joins anew",
                metadata: ["group": "\(group)", "partitions": "\(partitions.count)"])
            buffer.hold(Set(partitions))
            enqueue(.lose(partitions))
        case .assign(let partitions):
            logger?.info(
                "joined the group",
                metadata: [
                    "group": "\(group)", "member": "\(membership.memberID)", "generation": "\(membership.generation)",
                    "partitions": "\(membership.owned.count)", "new": "\(partitions.count)",
                ])
            enqueue(.assign(partitions))
        case .leave(let memberID): Task { await leave(memberID) }
        case .fail(let error): buffer.fail(error)
        }
    }

    private func join(_ attempt: Int, _ owned: [TopicPartition]) async {
        do throws(GroupFault) {
            let answer = try await requests.join(membership, owned: owned, at: try await coordinator())
            self.answer = answer
            handle(.joined(attempt: attempt, .success(answer.joined)))
        } catch {
            note(error, "JoinGroup")
            handle(.joined(attempt: attempt, .failure(error)))
        }
    }

    private func sync(_ attempt: Int) async {
        do throws(GroupFault) {
            guard let answer else { return }
            let membership = membership
            let assignment = answer.joined.isLeader ? try await assign(answer) : [:]
            let partitions = try await requests.sync(
                membership, protocolName: answer.protocolName, assignment: assignment, at: try await coordinator())
            handle(.synced(attempt: attempt, .success(partitions)))
        } catch {
            note(error, "SyncGroup")
            handle(.synced(attempt: attempt, .failure(error)))
        }
    }

    /// The leader's part.
    private func assign(_ answer: GroupRequests.JoinAnswer) async throws(GroupFault) -> Assignment {
        guard let assignor = GroupAssignor(rawValue: answer.protocolName) else {
            throw .fatal(.invalidResponse("JoinGroup with the assignor '\(answer.protocolName)', which nobody offered"))
        }
        let topics = answer.members.reduce(into: Set<String>()) { $0.formUnion($1.topics) }
        do throws(KafkaClientError) {
            assignedCounts = try await partitionCounts(of: topics)
        } catch {
            throw GroupFault(error)
        }
        lookedAt = .now()
        for (topic, count) in assignedCounts where count == 0 {
            logger?.warning(
                "there is no such topic: the group waits for it", metadata: ["topic": "\(topic)", "group": "\(group)"])
        }
        return answer.keepsAssignment ? [:] : assignor.assign(answer.members, partitionCounts: assignedCounts)
    }

    private func heartbeat() async {
        let generation = membership.generation
        do throws(GroupFault) {
            try await requests.heartbeat(membership, at: try await coordinator())
            handle(.heartbeatAnswered(generation: generation, nil))
        } catch {
            note(error, "Heartbeat")
            handle(.heartbeatAnswered(generation: generation, error))
        }
    }

    private func leave(_ memberID: String) async {
        do throws(GroupFault) {
            try await requests.leave(memberID: memberID, at: try await coordinatorOfOffsets())
        } catch {
            // It is taken for dead after the session timeout.
            note(error, "LeaveGroup")
        }
    }

    nonisolated func note(_ fault: GroupFault, _ api: String) {
        switch fault {
        case .memberIDRequired, .rebalanceInProgress: break
        default: logger?.debug("a group's request failed", metadata: ["api": "\(api)", "error": "\(fault)"])
        }
    }

    private func coordinator() async throws(GroupFault) -> BrokerConnection {
        if let memberCoordinator, memberCoordinator.isOpen { return memberCoordinator }
        do throws(KafkaClientError) {
            if await members.nodes.isEmpty { try await learnBrokers() }
            let found = try await members.coordinator(ofGroup: group)
            memberCoordinator = found
            return found
        } catch {
            throw GroupFault(error)
        }
    }

    /// All of them, before any is needed: so others can be asked when the one that the client was told of is gone.
    private func learnBrokers() async throws(KafkaClientError) {
        _ = try await members.metadata(of: [], createMissing: false)
        let nodes = await members.nodes
        await offsets.adopt(nodes)
        await fetcher.cluster.adopt(nodes)
    }

    func coordinatorOfOffsets() async throws(GroupFault) -> BrokerConnection {
        if let offsetCoordinator, offsetCoordinator.isOpen { return offsetCoordinator }
        do throws(KafkaClientError) {
            let found = try await offsets.coordinator(ofGroup: group)
            offsetCoordinator = found
            return found
        } catch {
            throw GroupFault(error)
        }
    }
}

// MARK: As time goes by

extension GroupSession {
    private func beat() async {
        while !isClosing {
            try? await members.pause(options.heartbeatInterval)
            if isClosing { return }
            handle(.heartbeatDue)
            if buffer.isLate(after: TimeAmount(options.processingTimeout)), membership.canGoAway {
                logger?.warning(
                    "the application has not asked for more for a long time: the consumer leaves its group until it does",
                    metadata: ["group": "\(group)", "processingTimeout": "\(options.processingTimeout)"])
                buffer.goAway()
                handle(.applicationAway)
            }
        }
    }

    func applicationIsBack() { handle(.applicationBack) }

    /// How often the leader looks for topics that are not there yet.
    private static let missingTopicPause: Duration = .seconds(1)

    private func watchForPartitions() async {
        while !isClosing {
            try? await offsets.pause(min(Self.missingTopicPause, offsets.options.metadataAgeMax))
            guard !isClosing, membership.isLeader, membership.state == .stable else { continue }
            let isDue = NIODeadline.now() - lookedAt >= TimeAmount(offsets.options.metadataAgeMax)
            guard isDue || assignedCounts.values.contains(0) else { continue }
            lookedAt = .now()
            let (assigned, attempt) = (assignedCounts, membership.generation)
            // Where the brokers do not answer, the next time will do.
            guard let found = try? await partitionCounts(of: Set(assigned.keys)) else { continue }
            if found != assigned, attempt == membership.generation { handle(.partitionsChanged) }
        }
    }

    /// 0: there is no such topic.
    private func partitionCounts(of topics: Set<String>) async throws(KafkaClientError) -> [String: Int] {
        guard !topics.isEmpty else { return [:] }
        let response = try await offsets.metadata(of: topics.sorted(), createMissing: false)
        var counts = topics.reduce(into: [String: Int]()) { $0[$1] = 0 }
        for topic in response.topics {
            guard let name = topic.name, topics.contains(name) else { continue }
            counts[name] = topic.errorCode == .unknownTopicOrPartition ? 0 : topic.partitions.count
        }
        return counts
    }

    private func commitRegularly(_ interval: Duration) async {
        while !isClosing {
            try? await offsets.pause(interval)
            guard !isClosing, membership.isInGeneration, !isCommitting else { continue }
            isCommitting = true
            await commitPassed()
            isCommitting = false
        }
    }
}

// MARK: Partitions that come and go

extension GroupSession {
    private enum Change {
        case revoke([TopicPartition])
        case lose([TopicPartition])
        case assign([TopicPartition])
    }

    /// One after the other: the application is told in the order in which things happened.
    private func enqueue(_ change: Change) {
        let previous = changes
        changes = Task {
            await previous?.value
            switch change {
            case .revoke(let partitions): await revoke(partitions)
            case .lose(let partitions): await lose(partitions)
            case .assign(let partitions): await assign(partitions)
            }
        }
    }

    private func revoke(_ partitions: [TopicPartition]) async {
        let gone = Set(partitions)
        await buffer.waitUntilPassed(gone)
        if options.autoCommitInterval != nil { await commitPassed(gone) }
        await tell(partitions) { .revoked($0) }
        drop(gone)
        handle(.released)
    }

    private func lose(_ partitions: [TopicPartition]) async {
        drop(Set(partitions), isTold: false)
        await tell(partitions) { .lost($0) }
        told.subtract(partitions)
        handle(.released)
    }

    private func drop(_ partitions: Set<TopicPartition>, isTold: Bool = true) {
        buffer.remove(partitions)
        for partition in partitions { committed[partition] = nil }
        if isTold { told.subtract(partitions) }
    }

    /// Tells the application of what it knows to have.
    private func tell(_ partitions: [TopicPartition], _ event: ([TopicPartition]) -> RebalanceEvent) async {
        let known = partitions.filter(told.contains)
        guard !known.isEmpty, let listener, let consumer else { return }
        await listener(consumer, event(known))
    }

    private func assign(_ partitions: [TopicPartition]) async {
        let starts = await starts(of: partitions)
        guard !isClosing else { return }
        await fetcher.assign(starts)
        // What has gone to others in the meantime was held when it did, or has not been here.
        let kept = starts.map(\.0).filter(membership.keeps)
        buffer.remove(Set(starts.map(\.0)).subtracting(kept))
        told.formUnion(kept)
        if let listener, let consumer { await listener(consumer, .assigned(kept)) }
        buffer.letGo(Set(kept.filter(membership.keeps)))
    }

    private typealias Start = (TopicPartition, Result<GroupOffset, KafkaClientError>)

    /// Where the group goes on in partitions, as long as they are the consumer's.
    private func starts(of partitions: [TopicPartition]) async -> [Start] {
        var failures = 0
        while !isClosing {
            let kept = partitions.filter(membership.keeps)
            guard !kept.isEmpty else { return [] }
            do throws(GroupFault) {
                let found = try await GroupOffsets.fetch(kept, of: group, at: try await coordinatorOfOffsets())
                for (partition, position) in found { committed[partition] = position }
                return try await starts(found)
            } catch {
                note(error, "OffsetFetch")
                if case .fatal(let error) = error { return kept.map { ($0, .failure(error)) } }
                offsetCoordinator = nil
                failures += 1
            }
            try? await offsets.pause(backoff.pause(afterFailures: failures))
        }
        return []
    }

    private func starts(_ found: [TopicPartition: GroupOffset?]) async throws(GroupFault) -> [Start] {
        var starts: [Start] = []
        var missing: [TopicPartition] = []
        for (partition, position) in found.sorted(by: { $0.key < $1.key }) {
            if let position { starts.append((partition, .success(position))) } else { missing.append(partition) }
        }
        let query: OffsetQuery
        switch options.offsetReset {
        case .earliest: query = .earliest
        case .latest: query = .latest
        case .none:
            return starts
                + missing.map { partition in
                    let error = KafkaClientError.noCommittedOffset(
                        group: group, topic: partition.topic, partition: partition.partition)
                    return (partition, .failure(error))
                }
        }
        do throws(KafkaClientError) {
            let offsets = try await offsets.offsets(missing.map { ($0, query) })
            return starts
                + zip(missing, offsets).map { ($0, .success(GroupOffset(offset: $1?.offset ?? Offset(0)))) }
        } catch {
            if error.mayPass { throw .notNow }
            // One of them may be of a topic that has been deleted: the others go on.
            return starts + (missing.count == 1 ? [(missing[0], .failure(error))] : await oneByOne(missing, query))
        }
    }

    private func oneByOne(_ partitions: [TopicPartition], _ query: OffsetQuery) async -> [Start] {
        var starts: [Start] = []
        for partition in partitions {
            do throws(KafkaClientError) {
                let found = try await offsets.offsets([(partition, query)])[0]
                starts.append((partition, .success(GroupOffset(offset: found?.offset ?? Offset(0)))))
            } catch {
                starts.append((partition, .failure(error)))
            }
        }
        return starts
    }
}

// MARK: The end

extension GroupSession {
    /// Commits what the application has gone past, tells it, leaves, and closes the connections. The buffer is closed.
    func close() async {
        if closing == nil {
            closing = Task {
                await end()
            }
        }
        await closing?.value
    }

    private func end() async {
        isClosing = true
        await changes?.value
        if membership.isInGeneration {
            if options.autoCommitInterval != nil { await commitPassed() }
            // A rebalance may have come to its end meanwhile, and taken something away.
            await changes?.value
            await tell(told.sorted()) { .revoked($0) }
        }
        // One by one, so that it is done before the connections close.
        for action in membership.handle(.close) {
            if case .leave(let memberID) = action { await leave(memberID) }
        }
        await members.close()
        await offsets.close()
        await fetcher.stop()
    }
}
