internal import KafkaProtocol
internal import Logging
internal import NIOCore

/// Takes batches from the accumulator, sends them to their partitions' leaders, and sees to what comes back. Runs on the
/// event loop of its connections.
actor ProducerSender {
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }
    private nonisolated let loop: any EventLoop
    private nonisolated let cluster: Cluster
    private nonisolated let accumulator: Accumulator
    private nonisolated let options: ProducerOptions

    /// By slot of the accumulator.
    private var slots: [Slot] = []
    /// Slots that have something to send, in the order in which they get their turn.
    private var active: [Int] = []
    private var topics: [String: TopicState] = [:]
    private var links: [Int32: Link] = [:]
    private var identity = Identity.none
    /// Why batches wait, for the error of those that wait too long.
    private var lastError: KafkaClientError?
    private var retryTimer: (due: NIODeadline, task: Scheduled<Void>)?
    private var isStopped = false

    private struct Slot {
        let partition: TopicPartition
        var queue = PartitionQueue()
        /// Under which the broker knows batches that come twice; nil: it has none yet, or no more.
        var producer: (id: Int64, epoch: Int16)?
        /// True: the batch that fills has lingered.
        var isDue = false
        var isActive = false
        /// Not before; after a failure.
        var notBefore = NIODeadline.distantPast
    }

    private struct TopicState {
        var route: TopicRoute?
        var isAsking = false
        var notBefore = NIODeadline.distantPast
        /// Since when brokers have said that there is no such topic.
        var unknownSince: NIODeadline?
    }

    /// A way to a broker.
    private struct Link {
        var connection: BrokerConnection?
        var isOpening = false
        var inFlight = 0
        var failures = 0
        var notBefore = NIODeadline.distantPast
    }

    /// The producer id for partitions that have none.
    private enum Identity {
        case none
        case asking
        case known(id: Int64, epoch: Int16)
        case failed(until: NIODeadline)
    }

    init(_ cluster: Cluster, _ accumulator: Accumulator, _ options: ProducerOptions) {
        self.cluster = cluster
        self.accumulator = accumulator
        self.options = options
        loop = cluster.loop
    }

    private nonisolated var isIdempotent: Bool { options.isIdempotent && options.acks == .all }
    private nonisolated var inFlightMax: Int { max(1, min(5, options.requestsInFlightMax)) }

    /// Follows up an append.
    nonisolated func wake(_ wake: Accumulator.Wake) {
        switch wake {
        case .nothing: break
        case .soon:
            loop.scheduleTask(in: TimeAmount(options.linger)) { [weak self] in
                self?.assumeIsolated { $0.collect(isTimer: true) }
            }
        case .now: loop.execute { self.assumeIsolated { $0.collect(isTimer: false) } }
        }
    }

    /// Closes the connections; what has not been acknowledged fails with `closed`.
    func stop() async {
        isStopped = true
        retryTimer?.task.cancel()
        retryTimer = nil
        for batch in accumulator.takeAll() { accumulator.complete(batch, .failure(.closed)) }
        for slot in slots.indices {
            for batch in slots[slot].queue.removeAll() { accumulator.complete(batch, .failure(.closed)) }
        }
        await cluster.close()
    }
}

// MARK: What there is to send

extension ProducerSender {
    private func collect(isTimer: Bool) {
        guard !isStopped else { return }
        let collected = accumulator.collect(now: .now(), isTimer: isTimer)
        add(collected.batches)
        for slot in collected.dueSlots {
            learnSlots(upTo: slot)
            slots[slot].isDue = true
            activate(slot)
        }
        if let next = collected.next {
            loop.scheduleTask(deadline: next) { [weak self] in
                self?.assumeIsolated { $0.collect(isTimer: true) }
            }
        }
        send()
    }

    private func add(_ batches: [ProducerBatch]) {
        for batch in batches {
            learnSlots(upTo: batch.slot)
            slots[batch.slot].queue.add(batch)
            activate(batch.slot)
        }
    }

    private func learnSlots(upTo slot: Int) {
        while slots.count <= slot { slots.append(Slot(partition: accumulator.partition(ofSlot: slots.count))) }
    }

    private func activate(_ slot: Int) {
        guard !slots[slot].isActive else { return }
        slots[slot].isActive = true
        active.append(slot)
    }

    private func send() {
        guard !isStopped else { return }
        let now = NIODeadline.now()
        takeDue()
        expire(now)
        active.removeAll { slot in
            let isIdle = slots[slot].queue.waiting.isEmpty && !slots[slot].isDue
            if isIdle { slots[slot].isActive = false }
            return isIdle
        }
        // One batch a partition and request: round after round until nobody can send more.
        while sendRound(now) {}
    }

    /// A batch fills on for as long as its partition could not send it anyway.
    private func takeDue() {
        let due = active.filter { slot in
            slots[slot].isDue && slots[slot].queue.waiting.isEmpty
                && slots[slot].queue.canSend(inFlightMax: inFlightMax)
        }
        guard !due.isEmpty else { return }
        for slot in due { slots[slot].isDue = false }
        add(accumulator.takeFilling(due))
    }

    private func expire(_ now: NIODeadline) {
        let timeout = TimeAmount(options.deliveryTimeout)
        for slot in active {
            for batch in slots[slot].queue.removeWaiting(where: { $0.begun + timeout <= now }) {
                let partition = slots[slot].partition
                accumulator.complete(
                    batch,
                    .failure(
                        .deliveryTimedOut(
                            topic: partition.topic, partition: partition.partition, records: batch.recordCount,
                            cause: lastError?.description ?? "the broker is too slow")))
            }
            // However long nothing else happens.
            if let oldest = slots[slot].queue.waiting.first { _ = isDue(oldest.begun + timeout, now) }
        }
    }

    private struct Outgoing {
        var request = ProduceRequest()
        var batches: [ProducerBatch] = []
        var byteCount = 0
    }

    /// False: nothing could be sent.
    private func sendRound(_ now: NIODeadline) -> Bool {
        var outgoing: [Int32: Outgoing] = [:]
        for slot in active {
            guard slots[slot].queue.canSend(inFlightMax: inFlightMax), let next = slots[slot].queue.waiting.first,
                isDue(slots[slot].notBefore, now), isIdentified(slot, now),
                let leader = readyLeader(of: slots[slot].partition, now)
            else { continue }
            let byteCount = next.wire?.readableBytes ?? next.builder.estimatedByteCount
            let gathered = outgoing[leader]?.byteCount ?? 0
            guard gathered == 0 || gathered + byteCount <= options.requestBytesMax else { continue }
            add(slot, to: &outgoing[leader, default: Outgoing()])
        }
        // The next request begins with another partition.
        if !active.isEmpty { active.append(active.removeFirst()) }
        for (leader, outgoing) in outgoing where !outgoing.batches.isEmpty { transmit(outgoing, to: leader) }
        return outgoing.values.contains { !$0.batches.isEmpty }
    }

    private func add(_ slot: Int, to outgoing: inout Outgoing) {
        let producer = slots[slot].producer
        guard let batch = slots[slot].queue.send(producerID: producer?.id ?? -1) else { return }
        do throws(BatchError) {
            let wire = try batch.encoded(for: producer)
            outgoing.batches.append(batch)
            outgoing.byteCount += wire.readableBytes
            outgoing.request.add(wire, slots[slot].partition)
        } catch {
            giveUp(batch, .invalidArgument("\(error)"))
        }
    }

    /// In no task of its own: tasks keep no order, and batches have one.
    private func transmit(_ outgoing: Outgoing, to leader: Int32) {
        var request = outgoing.request
        request.acks = options.acks.wireValue
        request.timeoutMs = Int32(clamping: cluster.options.requestTimeout.milliseconds)
        let byteCount = outgoing.byteCount + 1024
        let least = ProduceRequest.firstBatchVersion
        let batches = outgoing.batches
        links[leader]?.inFlight += 1
        let connection = links[leader]?.connection
        do throws(KafkaClientError) {
            guard let connection else { throw .closed }
            if options.acks == .none {
                try connection.startTelling(
                    request, leastVersion: least, byteCount: byteCount
                ) { result in
                    self.assumeIsolated { $0.finish(batches, leader, connection, result.map { nil }) }
                }
            } else {
                try connection.start(
                    request, leastVersion: least, byteCount: byteCount
                ) { result in
                    self.assumeIsolated { $0.finish(batches, leader, connection, result.map { $0 }) }
                }
            }
        } catch {
            loop.execute { self.assumeIsolated { $0.finish(batches, leader, connection, .failure(error)) } }
        }
    }
}

// MARK: What comes back

extension ProducerSender {
    private func finish(
        _ batches: [ProducerBatch], _ leader: Int32, _ connection: BrokerConnection?,
        _ result: Result<ProduceResponse?, KafkaClientError>
    ) {
        // The batches came to their end then.
        guard !isStopped else { return }
        links[leader]?.inFlight -= 1
        switch result {
        case .success(nil):
            for batch in batches { acknowledge(batch, nil) }
        case .success(let response?):
            let answers = response.byPartition
            for batch in batches {
                if let answer = answers[slots[batch.slot].partition] {
                    finish(batch, answer)
                } else {
                    retry(batch, .invalidResponse("Produce without \(slots[batch.slot].partition)"))
                }
            }
        case .failure(let error) where error.isOfConnection || error == .closed:
            // Once for all requests that were on their way over it.
            if let connection, links[leader]?.connection === connection { lose(leader, error) }
            for batch in batches { retry(batch, error) }
        case .failure(let error):
            for batch in batches { giveUp(batch, error) }
        }
        // What has gathered meanwhile goes with it.
        collect(isTimer: false)
    }

    private func finish(_ batch: ProducerBatch, _ answer: ProduceResponse.PartitionResponse) {
        let partition = slots[batch.slot].partition
        switch answer.errorCode {
        case .none:
            acknowledge(batch, answer)
        case .duplicateSequenceNumber where isIdempotent:
            acknowledge(batch, nil)
        case .outOfOrderSequenceNumber, .unknownProducerID, .invalidProducerEpoch, .producerFenced:
            guard isIdempotent else { return giveUp(batch, KafkaClientError(answer.errorCode, topic: partition.topic)) }
            // Behind a batch that failed it has to be so, and it will be numbered anew. Otherwise the broker has forgotten
            // the producer, or remembers it differently.
            if !slots[batch.slot].queue.isPaused { spendIdentity(of: batch.slot) }
            retry(batch, KafkaClientError(answer.errorCode, topic: partition.topic), isInDoubt: false)
        case .messageTooLarge, .recordListTooLarge:
            let bytes = batch.wire?.readableBytes ?? 0
            giveUp(batch, .batchTooLarge(topic: partition.topic, partition: partition.partition, bytes: bytes))
        case let code where code.isRetriable:
            topics[partition.topic]?.route = nil
            retry(batch, KafkaClientError(code, topic: partition.topic, message: answer.errorMessage))
        default:
            giveUp(batch, KafkaClientError(answer.errorCode, topic: partition.topic, message: answer.errorMessage))
        }
    }

    private func acknowledge(_ batch: ProducerBatch, _ answer: ProduceResponse.PartitionResponse?) {
        slots[batch.slot].queue.acknowledge(batch)
        lastError = nil
        var outcome = BatchOutcome(wireBytes: batch.wire?.readableBytes ?? 0)
        if let answer, answer.baseOffset >= 0 { outcome.baseOffset = Offset(answer.baseOffset) }
        if let answer, answer.logAppendTimeMs >= 0 {
            outcome.logAppendTime = Timestamp(milliseconds: answer.logAppendTimeMs)
        }
        accumulator.complete(batch, .success(outcome))
    }

    private func giveUp(_ batch: ProducerBatch, _ error: KafkaClientError) {
        slots[batch.slot].queue.giveUp(batch)
        accumulator.complete(batch, .failure(error))
    }

    private func retry(_ batch: ProducerBatch, _ error: KafkaClientError, isInDoubt: Bool = true) {
        // Where a connection is given up, what else was on its way over it has no reason of its own.
        if error != .closed || lastError == nil { lastError = error }
        batch.attempts += 1
        if isInDoubt { batch.isInDoubt = true }
        slots[batch.slot].queue.retry(batch)
        slots[batch.slot].notBefore = .now() + backoff(batch.attempts)
        activate(batch.slot)
        accumulator.noteRetry()
        cluster.options.logger?.debug(
            "a batch is sent again",
            metadata: ["partition": "\(slots[batch.slot].partition)", "error": "\(error)"])
    }

    private func backoff(_ failures: Int) -> TimeAmount {
        TimeAmount(Backoff(first: options.retryBackoff).pause(afterFailures: failures))
    }
}

// MARK: Leaders

extension ProducerSender {
    /// The broker that a partition's batch can be sent to now; nil: what it takes is under way.
    private func readyLeader(of partition: TopicPartition, _ now: NIODeadline) -> Int32? {
        guard let route = topics[partition.topic]?.route, route.leaders.indices.contains(partition.partition),
            let leader = route.leaders[partition.partition]?.id
        else {
            askForRoute(partition.topic, now)
            return nil
        }
        // What is known does until the answer is there.
        if route.age >= TimeAmount(cluster.options.metadataAgeMax) { askForRoute(partition.topic, now) }
        let link = links[leader, default: Link()]
        guard let connection = link.connection, connection.isOpen else {
            open(leader, now)
            return nil
        }
        return link.inFlight < inFlightMax ? leader : nil
    }

    private func askForRoute(_ topic: String, _ now: NIODeadline) {
        let state = topics[topic, default: TopicState()]
        guard !state.isAsking, isDue(state.notBefore, now) else { return }
        topics[topic, default: TopicState()].isAsking = true
        Task {
            do throws(KafkaClientError) {
                let route = try await cluster.route(of: topic, createMissing: options.createsTopics, isFresh: true)
                accumulator.prepare(topic, partitions: route.leaders.count)
                topics[topic]?.route = route
                topics[topic]?.unknownSince = nil
                noteMissing(route)
            } catch {
                lastError = error
                if case .unknownTopic = error { noteUnknown(topic, error) }
                topics[topic]?.notBefore = .now() + backoff(2)
            }
            topics[topic]?.isAsking = false
            send()
        }
    }

    /// Partitions may have no leader for the moment, or be gone where a topic was made again with fewer.
    private func noteMissing(_ route: TopicRoute) {
        for slot in active where slots[slot].partition.topic == route.name {
            do throws(KafkaClientError) { _ = try route.leader(of: slots[slot].partition.partition) } catch {
                lastError = error
                topics[route.name]?.notBefore = .now() + backoff(2)
            }
        }
    }

    /// A broker may not have heard of a new topic yet, but hears of it soon.
    private func noteUnknown(_ topic: String, _ error: KafkaClientError) {
        let now = NIODeadline.now()
        let since = topics[topic]?.unknownSince ?? now
        topics[topic]?.unknownSince = since
        if now - since >= Self.unknownTopicPatience { giveUpWaiting(topic, error) }
    }

    private static let unknownTopicPatience = TimeAmount.seconds(3)

    /// The topic is gone: nothing that waits for it can be sent.
    private func giveUpWaiting(_ topic: String, _ error: KafkaClientError) {
        for slot in slots.indices where slots[slot].partition.topic == topic {
            for batch in slots[slot].queue.removeWaiting(where: { _ in true }) {
                accumulator.complete(batch, .failure(error))
            }
        }
    }

    private func open(_ leader: Int32, _ now: NIODeadline) {
        let link = links[leader, default: Link()]
        guard !link.isOpening, isDue(link.notBefore, now) else { return }
        links[leader, default: Link()].isOpening = true
        Task {
            do throws(KafkaClientError) {
                // Not assigned at once: `links` would be held while this waits.
                let connection = try await cluster.connection(to: leader)
                links[leader]?.connection = connection
                links[leader]?.failures = 0
            } catch {
                lose(leader, error)
            }
            links[leader]?.isOpening = false
            send()
        }
    }

    private func lose(_ leader: Int32, _ error: KafkaClientError) {
        lastError = error
        guard var link = links[leader] else { return }
        link.connection?.close()
        link.connection = nil
        link.failures += 1
        link.notBefore = .now() + backoff(link.failures)
        links[leader] = link
        // More than a connection that broke; once, so that who watches knows why nothing goes.
        if link.failures == 2 {
            cluster.options.logger?.warning(
                "a broker cannot be reached: its records are tried again for \(options.deliveryTimeout)",
                metadata: ["broker": "\(leader)", "error": "\(error)"])
        }
        // Another broker may lead by now.
        for topic in topics.keys { topics[topic]?.route = nil }
    }

    /// False: it is not time yet, and `send` is called when it is.
    private func isDue(_ deadline: NIODeadline, _ now: NIODeadline) -> Bool {
        if deadline <= now { return true }
        if let timer = retryTimer, timer.due <= deadline { return false }
        retryTimer?.task.cancel()
        retryTimer = (
            deadline,
            loop.scheduleTask(deadline: deadline) { [weak self] in
                self?.assumeIsolated {
                    $0.retryTimer = nil
                    $0.send()
                }
            }
        )
        return false
    }
}

// MARK: Identity

extension ProducerSender {
    /// A partition's batches go on under a new producer id. The others keep theirs: what is in doubt there may only be sent
    /// again under the id that it had.
    private func spendIdentity(of slot: Int) {
        guard let spent = slots[slot].producer else { return }
        slots[slot].producer = nil
        if case .known(let id, _) = identity, id == spent.id { identity = .none }
    }

    /// False: a producer id is on its way, or batches of the one before are, after which `send` is called.
    private func isIdentified(_ slot: Int, _ now: NIODeadline) -> Bool {
        guard isIdempotent, slots[slot].producer == nil else { return true }
        guard slots[slot].queue.inFlight.isEmpty else { return false }
        switch identity {
        case .known(let id, let epoch):
            slots[slot].queue.startAnew()
            slots[slot].producer = (id, epoch)
            return true
        case .asking: break
        case .failed(let until) where !isDue(until, now): break
        case .none, .failed: askForIdentity()
        }
        return false
    }

    private func askForIdentity() {
        identity = .asking
        Task {
            do throws(KafkaClientError) {
                let response = try await cluster.anyConnection().call(InitProducerIDRequest())
                guard response.errorCode == .none else { throw KafkaClientError(response.errorCode) }
                identity = .known(id: response.producerID, epoch: response.producerEpoch)
            } catch {
                lastError = error
                identity = .failed(until: .now() + backoff(4))
            }
            send()
        }
    }
}
