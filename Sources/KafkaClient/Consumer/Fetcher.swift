internal import KafkaProtocol
internal import Logging
internal import NIOCore

/// Fetches a consumer's partitions from their leaders: one long poll a leader at a time, while there is room. Runs on the
/// event loop of its connections.
actor Fetcher {
    nonisolated var unownedExecutor: UnownedSerialExecutor { cluster.loop.executor.asUnownedSerialExecutor() }
    nonisolated let cluster: Cluster
    private nonisolated let buffer: FetchBuffer
    private nonisolated let options: ConsumerOptions
    /// Topics whose partitions are all read, also those that are added.
    private nonisolated let wholeTopics: [String]

    /// By place.
    private var leads: [Lead]
    /// Leaders that are polled.
    private var polled: Set<Int32> = []
    private var rotation: UInt = 0
    private var lastError: KafkaClientError?

    /// What is known of a partition's leader.
    private struct Lead {
        /// nil: has to be looked for.
        var leader: TopicRoute.Leader?
        /// Since the last answer.
        var failures = 0
        var failingSince: NIODeadline?
    }

    init(_ cluster: Cluster, _ buffer: FetchBuffer, _ options: ConsumerOptions, wholeTopics: [String]) {
        self.cluster = cluster
        self.buffer = buffer
        self.options = options
        self.wholeTopics = wholeTopics
        leads = Array(repeating: Lead(), count: buffer.places.count)
    }

    func stop() async { await cluster.close() }

    /// Works until the buffer is closed: sees to it that each partition's leader is known and polled.
    func run() async {
        if !wholeTopics.isEmpty { Task { await watchForPartitions() } }
        while !buffer.isClosed {
            let changes = buffer.changes
            let lost = lostPlaces()
            guard !lost.isEmpty else {
                await buffer.waitForWork(since: changes)
                continue
            }
            // The partition that has failed least decides: the others are asked for with it.
            if let failures = lost.map({ leads[$0].failures }).min(), failures > 0 {
                // More than a leader that moves; once, so that who watches knows why nothing comes.
                if failures == 2 { warn(lost.count) }
                try? await cluster.pause(Backoff(first: options.retryBackoff).pause(afterFailures: failures))
            }
            await findLeaders(of: lost)
            for leader in Set(leads.compactMap { $0.leader?.id }) where polled.insert(leader).inserted {
                Task { await poll(leader) }
            }
        }
    }

    private func warn(_ count: Int) {
        cluster.options.logger?.warning(
            "partitions have no leader that answers: they are tried again for \(options.retryTimeout)",
            metadata: ["partitions": "\(count)", "error": "\(lastError.map { "\($0)" } ?? "")"])
    }

    /// Places to fetch for which nobody is known.
    private func lostPlaces() -> [Int] {
        buffer.places.enumerated().filter { $1.isFetched && leads[$0].leader == nil }.map(\.offset)
    }

    private func findLeaders(of lost: [Int]) async {
        let places = buffer.places
        var routes: [String: Result<TopicRoute, KafkaClientError>] = [:]
        for index in lost {
            let topic = places[index].partition.topic
            if routes[topic] == nil { routes[topic] = await route(of: topic) }
            do throws(KafkaClientError) {
                leads[index].leader = try routes[topic]?.get().leader(of: places[index].partition.partition)
            } catch {
                fail(index, error)
            }
        }
        // A partition may have come to a leader that is idle.
        buffer.noteWork()
    }

    private func route(of topic: String) async -> Result<TopicRoute, KafkaClientError> {
        do throws(KafkaClientError) {
            return .success(try await cluster.route(of: topic, createMissing: false, isFresh: true))
        } catch {
            return .failure(error)
        }
    }

    /// A partition's leader did not serve it, or could not be found. Looks for another; ends the partition where that makes
    /// no sense, or was tried for too long.
    private func fail(_ index: Int, _ error: KafkaClientError) {
        let since = leads[index].failingSince ?? .now()
        leads[index].failingSince = since
        leads[index].failures += 1
        leads[index].leader = nil
        let place = buffer.places[index]
        guard error.mayPass, NIODeadline.now() - since < TimeAmount(options.retryTimeout) else {
            leads[index].failingSince = nil
            leads[index].failures = 0
            if !buffer.isClosed { buffer.fail(place: index, epoch: place.epoch, error) }
            return
        }
        lastError = error
        cluster.options.logger?.debug(
            "a fetch is tried again", metadata: ["partition": "\(place.partition)", "error": "\(error)"])
    }
}

// MARK: Partitions of a group's consumer

extension Fetcher {
    /// Takes partitions in, or takes them up again; they are held.
    func assign(_ starts: [(TopicPartition, Result<GroupOffset, KafkaClientError>)]) {
        for index in buffer.assign(starts) {
            while leads.count <= index { leads.append(Lead()) }
            leads[index] = Lead()
        }
    }

    /// Goes on at an end of a partition or a point in time, which its leader is asked for.
    nonisolated func seek(_ partition: TopicPartition, to position: StartPosition) async throws(KafkaClientError) {
        let query: OffsetQuery
        switch position {
        case .offset(let offset): return try buffer.seek(partition, to: offset.value)
        case .earliest: query = .earliest
        case .latest: query = .latest
        case .timestamp(let time): query = .timestamp(time)
        }
        // Before the broker is troubled.
        guard buffer.places.contains(where: { $0.partition == partition && !$0.isGone }) else {
            throw .invalidArgument("\(partition) is not among the consumer's partitions")
        }
        var found = try await cluster.offsets([(partition, query)])[0]
        if found == nil { found = try await cluster.offsets([(partition, .latest)])[0] }
        try buffer.seek(partition, to: found?.offset.value ?? 0)
    }
}

// MARK: Partitions that are added

extension Fetcher {
    private func watchForPartitions() async {
        while !buffer.isClosed {
            do throws(KafkaClientError) {
                try await cluster.pause(cluster.options.metadataAgeMax)
                for topic in wholeTopics { try await addPartitions(of: topic) }
            } catch {
                // The next time will do; the partitions that are read say so where the topic or the brokers are gone.
                cluster.options.logger?.debug(
                    "no look at a topic's partitions", metadata: ["error": "\(error)"])
            }
        }
    }

    private func addPartitions(of topic: String) async throws(KafkaClientError) {
        let count = try await cluster.route(of: topic, createMissing: false, isFresh: true).leaders.count
        let known = Set(buffer.places.map(\.partition))
        let added = (0..<count).map { TopicPartition(topic: topic, partition: $0) }.filter { !known.contains($0) }
        guard !added.isEmpty else { return }
        let starts = try await cluster.offsets(added.map { ($0, .earliest) })
        cluster.options.logger?.info("partitions were added", metadata: ["topic": "\(topic)", "count": "\(count)"])
        leads += added.map { _ in Lead() }
        buffer.add(
            zip(added, starts).map { FetchBuffer.Place(partition: $0, start: $1?.offset.value ?? 0, stop: .max) })
    }
}

// MARK: Polling

extension Fetcher {
    private struct Asked {
        let index: Int
        let place: FetchBuffer.Place
        let leaderEpoch: Int32
    }

    private func poll(_ leader: Int32) async {
        while !buffer.isClosed, leads.contains(where: { $0.leader?.id == leader }) {
            let changes = buffer.changes
            let asked = asked(of: leader)
            guard !asked.isEmpty, buffer.hasRoom else {
                await buffer.waitForRoom(since: changes)
                continue
            }
            do throws(KafkaClientError) {
                try await poll(leader, asked)
            } catch {
                // Somebody else may lead by now.
                for asked in asked where leads[asked.index].leader?.id == leader { fail(asked.index, error) }
                buffer.noteWork()
            }
        }
        polled.remove(leader)
    }

    private func poll(_ leader: Int32, _ asked: [Asked]) async throws(KafkaClientError) {
        let connection = try await cluster.connection(to: leader)
        let response = try await connection.call(
            request(asked), leastVersion: 4, waiting: options.maxWait)
        guard response.errorCode == .none else { throw KafkaClientError(response.errorCode) }
        let byPartition = Dictionary(asked.map { ($0.place.partition, $0) }, uniquingKeysWith: { first, _ in first })
        for topic in response.responses {
            for data in topic.partitions {
                let partition = TopicPartition(topic: topic.topic, partition: Int(data.partitionIndex))
                guard let asked = byPartition[partition] else { continue }
                await take(data, asked)
            }
        }
    }

    private func asked(of leader: Int32) -> [Asked] {
        var asked: [Asked] = []
        for (index, place) in buffer.places.enumerated() where place.isFetched {
            guard let lead = leads[index].leader, lead.id == leader else { continue }
            asked.append(Asked(index: index, place: place, leaderEpoch: lead.epoch))
        }
        // Brokers fill an answer in the order of the request: each time another partition comes first.
        rotation &+= 1
        let split = asked.isEmpty ? 0 : Int(rotation % UInt(asked.count))
        return Array(asked[split...] + asked[..<split])
    }

    private func request(_ asked: [Asked]) -> FetchRequest {
        var request = FetchRequest()
        request.maxWaitMs = Int32(clamping: options.maxWait.milliseconds)
        request.minBytes = Int32(clamping: options.minBytes)
        // The other half of the buffer's bound, for all leaders together.
        let share = max(1, buffer.byteCountMax / 2 / max(1, polled.count))
        request.maxBytes = Int32(clamping: min(options.maxBytes, share))
        for asked in asked {
            let partition = asked.place.partition
            if request.topics.last?.topic != partition.topic {
                request.topics.append(FetchRequest.Topic { $0.topic = partition.topic })
            }
            request.topics[request.topics.count - 1].partitions.append(
                FetchRequest.Partition {
                    $0.partition = Int32(clamping: partition.partition)
                    $0.currentLeaderEpoch = asked.leaderEpoch
                    $0.fetchOffset = asked.place.fetchOffset
                    $0.lastFetchedEpoch = asked.place.fetchedEpoch
                    $0.partitionMaxBytes = Int32(clamping: min(options.partitionMaxBytes, share))
                })
        }
        return request
    }
}

// MARK: What comes back

extension Fetcher {
    private func take(_ data: FetchResponse.PartitionData, _ asked: Asked) async {
        let (partition, offset) = (asked.place.partition, Offset(asked.place.fetchOffset))
        switch data.errorCode {
        case .none where data.divergingEpoch.endOffset >= 0:
            followTruncation(to: Offset(min(data.divergingEpoch.endOffset, asked.place.fetchOffset)), asked)
        case .none:
            leads[asked.index].failures = 0
            leads[asked.index].failingSince = nil
            take(data.records, data, asked)
        case .offsetOutOfRange: await move(asked)
        case .corruptMessage:
            // A disk that is damaged stays so: trying again would only hide it.
            end(asked, .damagedPartition(topic: partition.topic, partition: partition.partition, offset: offset))
        default:
            guard leads[asked.index].leader != nil else { return }
            // Not `unknownTopic` yet: the search for leaders finds out whether the topic still is.
            fail(asked.index, KafkaClientError(data.errorCode))
            buffer.noteWork()
        }
    }

    private func take(_ records: FetchRecords, _ data: FetchResponse.PartitionData, _ asked: Asked) {
        guard case .buffer(let bytes) = records, bytes.readableBytes > 0 else { return }
        let partition = asked.place.partition
        let whole: WholeBatches
        do throws(BatchError) {
            whole = try wholeBatches(bytes, from: asked.place.fetchOffset)
        } catch {
            return end(
                asked,
                .unreadableBatch(
                    topic: partition.topic, partition: partition.partition, offset: Offset(asked.place.fetchOffset),
                    error))
        }
        guard let content = bytes.getSlice(at: bytes.readerIndex, length: whole.byteCount) else { return }
        buffer.add(
            ConsumedBatch(
                topic: partition.topic, partition: partition.partition, highWatermark: Offset(data.highWatermark),
                logStart: Offset(data.logStartOffset), nextOffset: Offset(whole.next),
                leaderEpoch: whole.leaderEpoch, bytes: content,
                wanted: asked.place.fetchOffset..<max(asked.place.fetchOffset, asked.place.stop),
                verifiesChecksums: options.verifiesChecksums, decompressedBytesMax: options.decompressedBytesMax),
            place: asked.index, epoch: asked.place.epoch)
    }

    /// Brokers cut an answer at a number of bytes; what is left of the last batch comes whole another time.
    private func wholeBatches(_ bytes: ByteBuffer, from offset: Int64) throws(BatchError) -> WholeBatches {
        try bytes.readableBytesUInt8Span.bytes.wholeBatches(from: offset)
    }

    private func end(_ asked: Asked, _ error: KafkaClientError) {
        buffer.fail(place: asked.index, epoch: asked.place.epoch, error)
    }

    /// The partition has lost records that were read, and may hold others in their place.
    private func followTruncation(to kept: Offset, _ asked: Asked) {
        let partition = asked.place.partition
        if case .fail = options.outOfRange {
            return end(
                asked,
                .logTruncated(
                    topic: partition.topic, partition: partition.partition, read: Offset(asked.place.fetchOffset),
                    kept: kept))
        }
        cluster.options.logger?.warning(
            "a partition has lost records that were read",
            metadata: ["partition": "\(partition)", "read": "\(asked.place.fetchOffset)", "kept": "\(kept)"])
        buffer.move(place: asked.index, epoch: asked.place.epoch, to: kept.value)
    }

    /// The partition does not hold the offset.
    private func move(_ asked: Asked) async {
        let partition = asked.place.partition
        let query: OffsetQuery
        switch options.outOfRange {
        case .fail:
            return end(
                asked,
                .offsetOutOfRange(
                    topic: partition.topic, partition: partition.partition, offset: Offset(asked.place.fetchOffset)))
        case .earliest: query = .earliest
        case .latest: query = .latest
        }
        do throws(KafkaClientError) {
            guard let found = try await cluster.offsets([(partition, query)]).first, let found else { return }
            cluster.options.logger?.warning(
                "a partition does not hold the offset to read",
                metadata: [
                    "partition": "\(partition)", "offset": "\(asked.place.fetchOffset)", "instead": "\(found.offset)",
                ])
            buffer.move(place: asked.index, epoch: asked.place.epoch, to: found.offset.value)
        } catch {
            fail(asked.index, error)
            buffer.noteWork()
        }
    }
}

private struct WholeBatches {
    var byteCount = 0
    /// The offset after the last record.
    var next: Int64
    /// Of the last batch.
    var leaderEpoch: Int32 = -1
}

extension RawSpan {
    fileprivate func wholeBatches(from offset: Int64) throws(BatchError) -> WholeBatches {
        var whole = WholeBatches(next: offset)
        while byteCount - whole.byteCount >= RecordBatchLayout.headerSize {
            let header: RecordBatchHeader
            do { header = try RecordBatchHeader(parsing: extracting(whole.byteCount..<byteCount)) } catch {
                // What lies before it is whole, and the next answer begins with it.
                if whole.byteCount > 0 { break }
                throw error
            }
            guard header.sizeInBytes <= byteCount - whole.byteCount else { break }
            whole.byteCount += header.sizeInBytes
            // Never back: an answer whose offsets do not ascend would be asked for again and again.
            whole.next = max(whole.next, header.lastOffset.advanced(by: 1).value)
            whole.leaderEpoch = header.partitionLeaderEpoch
        }
        guard whole.byteCount > 0 else {
            throw .truncated(needed: RecordBatchLayout.headerSize, have: byteCount)
        }
        return whole
    }
}
