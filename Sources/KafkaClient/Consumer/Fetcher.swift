internal import KafkaProtocol
internal import Logging
internal import NIOCore

/// Fetches a consumer's partitions from their leaders: one long poll a leader at a time, while there is room. Runs on the
/// event loop of its connections.
actor Fetcher {
    nonisolated var unownedExecutor: UnownedSerialExecutor { cluster.loop.executor.asUnownedSerialExecutor() }
    private nonisolated let cluster: Cluster
    private nonisolated let buffer: FetchBuffer
    private nonisolated let options: ConsumerOptions

    /// By place; nil: not known at the moment.
    private var leaders: [Int32?]
    /// Leaders that are polled.
    private var polled: Set<Int32> = []
    private var isRouting = false
    /// Failures since the last answer.
    private var failures = 0
    private var failingSince: NIODeadline?
    private var rotation: UInt = 0

    init(_ cluster: Cluster, _ buffer: FetchBuffer, _ options: ConsumerOptions) {
        self.cluster = cluster
        self.buffer = buffer
        self.options = options
        leaders = Array(repeating: nil, count: buffer.places.count)
    }

    func start() async { await route() }

    func stop() async { await cluster.close() }

    /// Finds the leaders of partitions that have none here, and sees to it that each leader is polled.
    private func route() async {
        guard !isRouting else { return }
        isRouting = true
        defer { isRouting = false }
        while leaders.contains(nil), !buffer.isOver {
            do throws(KafkaClientError) {
                try await findLeaders()
            } catch {
                guard await recover(error) else { return }
                continue
            }
            if leaders.contains(nil) {
                guard await recover(KafkaClientError(.leaderNotAvailable, topic: "")) else { return }
            }
        }
        for leader in Set(leaders.compactMap { $0 }) where polled.insert(leader).inserted {
            Task { await poll(leader) }
        }
        // A partition may have come to a leader that is idle.
        buffer.wakeFetchers()
    }

    private func findLeaders() async throws(KafkaClientError) {
        let places = buffer.places
        var routes: [String: TopicRoute] = [:]
        for (index, place) in places.enumerated() where leaders[index] == nil {
            let topic = place.partition.topic
            let route: TopicRoute
            if let known = routes[topic] {
                route = known
            } else {
                route = try await cluster.route(of: topic, createMissing: false, isFresh: true)
                routes[topic] = route
            }
            try route.check(place.partition.partition)
            leaders[index] = route.leaders[place.partition.partition]
        }
    }

    /// Waits before the next try; false: there is none.
    private func recover(_ error: KafkaClientError) async -> Bool {
        guard !buffer.isOver else { return false }
        let since = failingSince ?? .now()
        failingSince = since
        failures += 1
        guard error.mayPass, NIODeadline.now() - since < TimeAmount(options.retryTimeout) else {
            buffer.fail(error)
            return false
        }
        cluster.options.logger?.debug("a fetch is tried again", metadata: ["error": "\(error)"])
        let backoff = options.retryBackoff * Double(1 << min(failures - 1, 10))
        try? await cluster.pause(min(backoff, max(.seconds(1), options.retryBackoff)))
        return !buffer.isOver
    }
}

extension KafkaClientError {
    /// Whether a fetch is worth another try.
    fileprivate var mayPass: Bool {
        switch self {
        case .rejected(let code, _, _): Int16(exactly: code).map { ErrorCode(rawValue: $0).isRetriable } ?? false
        case .closed: true
        default: isOfConnection
        }
    }
}

// MARK: Polling

extension Fetcher {
    private struct Asked {
        let index: Int
        let place: FetchBuffer.Place
    }

    private func poll(_ leader: Int32) async {
        while !buffer.isOver, leaders.contains(leader) {
            let changes = buffer.changes
            let asked = asked(of: leader)
            guard !asked.isEmpty, buffer.hasRoom else {
                await buffer.waitForChange(since: changes)
                continue
            }
            do throws(KafkaClientError) {
                try await poll(leader, asked)
                failures = 0
                failingSince = nil
            } catch {
                guard await recover(error) else { break }
                // Somebody else may lead by now.
                for index in leaders.indices where leaders[index] == leader { leaders[index] = nil }
            }
            if leaders.contains(nil) { Task { await route() } }
        }
        polled.remove(leader)
    }

    private func poll(_ leader: Int32, _ asked: [Asked]) async throws(KafkaClientError) {
        let connection = try await cluster.connection(to: leader)
        let response = try await connection.call(request(asked), leastVersion: 4, waiting: options.maxWait)
        guard response.errorCode == .none else { throw KafkaClientError(response.errorCode, topic: "") }
        let byPartition = Dictionary(asked.map { ($0.place.partition, $0) }, uniquingKeysWith: { first, _ in first })
        for topic in response.responses {
            for data in topic.partitions {
                let partition = TopicPartition(topic: topic.topic, partition: Int(data.partitionIndex))
                guard let asked = byPartition[partition] else { continue }
                if data.errorCode == .offsetOutOfRange { try await move(asked) } else { try take(data, asked) }
            }
        }
    }

    private func asked(of leader: Int32) -> [Asked] {
        var asked: [Asked] = []
        for (index, place) in buffer.places.enumerated() where leaders[index] == leader && !place.isDone {
            asked.append(Asked(index: index, place: place))
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
        request.maxBytes = Int32(clamping: options.maxBytes)
        for asked in asked {
            let partition = asked.place.partition
            if request.topics.last?.topic != partition.topic {
                request.topics.append(FetchRequest.Topic { $0.topic = partition.topic })
            }
            request.topics[request.topics.count - 1].partitions.append(
                FetchRequest.Partition {
                    $0.partition = Int32(clamping: partition.partition)
                    $0.fetchOffset = asked.place.fetchOffset
                    $0.partitionMaxBytes = Int32(clamping: options.partitionMaxBytes)
                })
        }
        return request
    }

    private func take(_ data: FetchResponse.PartitionData, _ asked: Asked) throws(KafkaClientError) {
        let partition = asked.place.partition
        switch data.errorCode {
        case .none: break
        case .notLeaderOrFollower, .unknownTopicOrPartition, .leaderNotAvailable, .fencedLeaderEpoch,
            .unknownLeaderEpoch, .replicaNotAvailable:
            // The search for leaders finds out whether the topic still is.
            return leaders[asked.index] = nil
        default: throw KafkaClientError(data.errorCode, topic: partition.topic)
        }
        guard case .buffer(let bytes) = data.records, bytes.readableBytes > 0 else { return }
        let whole: (byteCount: Int, next: Int64)
        do throws(BatchError) {
            whole = try wholeBatches(bytes, from: asked.place.fetchOffset)
        } catch {
            return buffer.fail(
                .unreadableBatch(
                    topic: partition.topic, partition: partition.partition, offset: Offset(asked.place.fetchOffset),
                    error))
        }
        guard let content = bytes.getSlice(at: bytes.readerIndex, length: whole.byteCount) else { return }
        buffer.add(
            ConsumedBatch(
                topic: partition.topic, partition: partition.partition, highWatermark: Offset(data.highWatermark),
                logStart: Offset(data.logStartOffset), nextOffset: Offset(whole.next), bytes: content,
                wanted: asked.place.fetchOffset..<max(asked.place.fetchOffset, asked.place.stop),
                verifiesChecksums: options.verifiesChecksums, decompressedBytesMax: options.decompressedBytesMax),
            place: asked.index, epoch: asked.place.epoch)
    }

    /// Brokers cut an answer at a number of bytes; what is left of the last batch comes whole another time.
    private func wholeBatches(
        _ bytes: ByteBuffer, from offset: Int64
    ) throws(BatchError) -> (byteCount: Int, next: Int64) {
        try bytes.readableBytesUInt8Span.bytes.wholeBatches(from: offset)
    }

    /// The partition does not hold the offset.
    private func move(_ asked: Asked) async throws(KafkaClientError) {
        let partition = asked.place.partition
        let query: OffsetQuery
        switch options.outOfRange {
        case .fail:
            return buffer.fail(
                .offsetOutOfRange(
                    topic: partition.topic, partition: partition.partition, offset: Offset(asked.place.fetchOffset)))
        case .earliest: query = .earliest
        case .latest: query = .latest
        }
        guard let found = try await cluster.offsets([(partition, query)]).first, let found else { return }
        cluster.options.logger?.info(
            "a partition does not hold the offset to read",
            metadata: [
                "partition": "\(partition)", "offset": "\(asked.place.fetchOffset)", "instead": "\(found.offset)",
            ])
        buffer.move(place: asked.index, epoch: asked.place.epoch, to: found.offset.value)
    }
}

extension RawSpan {
    fileprivate func wholeBatches(from offset: Int64) throws(BatchError) -> (byteCount: Int, next: Int64) {
        var position = 0
        var next = offset
        while byteCount - position >= RecordBatchLayout.headerSize {
            let header = try RecordBatchHeader(parsing: extracting(position..<byteCount))
            guard header.sizeInBytes <= byteCount - position else { break }
            position += header.sizeInBytes
            // Never back: an answer whose offsets do not ascend would be asked for again and again.
            next = max(next, header.lastOffset.advanced(by: 1).value)
        }
        guard position > 0 else {
            throw .truncated(needed: RecordBatchLayout.headerSize, have: byteCount)
        }
        return (position, next)
    }
}
