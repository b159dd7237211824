internal import EventLog
internal import KafkaProtocol
internal import Logging
internal import NIOCore

/// Reads batches: byte ranges of segments, sent from the page cache. Where there is less than the client wants at
/// least, the request waits until there is more, or its time is up.
enum FetchHandler {
    static func handle(_ request: FetchRequest, _ call: Call) {
        let context = call.connection.context
        let source: FetchSource
        do throws(FetchSessionError) {
            source = try context.fetchSessions.source(of: request, version: call.version)
        } catch {
            return call.reply(FetchResponse { $0.errorCode = error.wireCode })
        }
        let limits = call.connection.loop.limits
        let maxBytes = min(Int(max(request.maxBytes, 0)), limits.fetchBytes)
        // More than an answer may hold never comes.
        let minBytes = min(Int(max(request.minBytes, 0)), maxBytes)
        let fetch = Fetch(call: call, source: source, minBytes: minBytes, maxBytes: maxBytes)
        let wait = min(Int(max(request.maxWaitMs, 0)), limits.fetchWaitMilliseconds)
        let plan = fetch.plan(isLast: wait == 0)
        if plan.isEnough || wait == 0 { return fetch.reply(plan) }
        DelayedFetch(fetch, milliseconds: wait).start(after: plan)
    }
}

/// A fetch request that is being answered.
struct Fetch {
    let call: Call
    let source: FetchSource
    let minBytes: Int
    let maxBytes: Int

    /// What there is to answer now.
    /// - Parameter isLast: it is the answer, whether it is enough or not.
    func plan(isLast: Bool = false) -> FetchPlan {
        var plan = FetchPlan(self)
        source.read(into: &plan, isLast: isLast)
        return plan
    }

    func reply(_ plan: FetchPlan) {
        var response = plan.response
        switch source {
        case .request(let request, let opensSession):
            guard opensSession else { break }
            response.sessionID = call.connection.context.fetchSessions.open(
                request, answered: response, version: call.version)
        case .session(let session, _): response.sessionID = session.id
        }
        if plan.namesLeader { response.nodeEndpoints = [NodeEndpoint(call.connection.nodeAddress)] }
        plan.reply(response)
    }
}

/// What a fetch would be answered now.
struct FetchPlan {
    private let call: Call
    private(set) var response = FetchResponse()
    /// Of those that are read, whether there is anything to tell of them or not.
    var partitionCount = 0
    private var slices: [LogSlice] = []
    private var byteCount = 0
    private var budget: Int
    private var hasError = false
    /// True: waiting for more of a partition is in vain.
    private var hasEnded = false
    /// How much of what is expired the answer may look at.
    private var work = ExpiryWork()
    /// True: a partition's `currentLeader` is set.
    private(set) var namesLeader = false
    private let minBytes: Int

    init(_ fetch: Fetch) {
        call = fetch.call
        minBytes = fetch.minBytes
        budget = fetch.maxBytes
    }

    var log: EventLog { call.connection.context.log }
    /// Whether the request names topics by their ids.
    var namesByID: Bool { call.version >= FetchRequest.firstTopicIDVersion }

    /// True: the answer should not wait. An error is worth telling at once, and so is a truncation.
    var isEnough: Bool { hasError || hasEnded || byteCount >= minBytes || partitionCount == 0 }

    /// The answer is an error, and nothing else.
    mutating func refuse(_ code: ErrorCode) {
        response.errorCode = code
        hasError = true
    }

    /// Reads all that the request names, and has something to tell of each.
    mutating func read(_ request: FetchRequest) {
        response.responses.reserveCapacity(request.topics.count)
        for topic in request.topics {
            var answer = FetchResponse.TopicResponse()
            answer.topic = topic.topic
            answer.topicID = topic.topicID
            answer.partitions.reserveCapacity(topic.partitions.count)
            let (found, missing) = log.topic(topic.topic, topic.topicID, byID: namesByID)
            for wanted in topic.partitions {
                let partition = found?.partition(Int(wanted.partition))
                answer.partitions.append(
                    data(wanted, partition, missing: found == nil ? missing : .unknownTopicOrPartition))
            }
            partitionCount += topic.partitions.count
            response.responses.append(answer)
        }
    }

    /// Tells of one partition; those of a topic that follow each other are told together.
    mutating func add(_ data: FetchResponse.PartitionData, of place: FetchPlace) {
        let last = response.responses.count - 1
        if last >= 0, response.responses[last].topicID == place.topicID,
            response.responses[last].topic == place.topic
        {
            response.responses[last].partitions.append(data)
        } else {
            response.responses.append(
                FetchResponse.TopicResponse {
                    $0.topic = place.topic
                    $0.topicID = place.topicID
                    $0.partitions = [data]
                })
        }
    }

    /// - Parameter missing: why there is no partition.
    mutating func data(
        _ wanted: FetchRequest.Partition, _ partition: Partition?, missing: ErrorCode
    ) -> FetchResponse.PartitionData {
        var data = FetchResponse.PartitionData()
        data.partitionIndex = wanted.partition
        guard let partition else {
            data.highWatermark = -1
            return failed(data, missing)
        }
        if let code = partition.fencing(wanted.currentLeaderEpoch) { return failed(data, code) }
        let end = partition.end
        data.highWatermark = end.value
        data.lastStableOffset = end.value
        data.logStartOffset = partition.logStart.value
        let bytesMax = min(Int(max(wanted.partitionMaxBytes, 0)), budget)
        do throws(LogError) {
            if let diverging = try partition.divergence(
                from: wanted.lastFetchedEpoch, at: Offset(wanted.fetchOffset))
            {
                // Nothing is read from there on before the client has gone back: to be told at once.
                data.divergingEpoch = diverging
                hasError = true
                return data
            }
            let outcome = try partition.slice(
                from: Offset(wanted.fetchOffset), maxBytes: bytesMax, firstBatchWhole: byteCount == 0, &work)
            guard case .slice(let slice) = outcome else {
                data.records = try records(of: outcome, from: Offset(wanted.fetchOffset), partition)
                return data
            }
            if partition.failure != nil { hasEnded = true }
            budget = max(0, budget - slice.byteCount)
            byteCount += slice.byteCount
            slices.append(slice)
            data.records = .external(byteCount: slice.byteCount)
            return data
        } catch {
            switch error {
            case .offsetOutOfRange: data.highWatermark = partition.end.value
            // The log has said so, once.
            case .damagedRecords: break
            default:
                call.connection.logger.error("a fetch failed", metadata: ["error": "\(error)"])
            }
            return failed(data, error.wireCode)
        }
    }

    /// Of a partition that there are no bytes of for the client.
    private mutating func records(
        of outcome: SliceOutcome, from offset: Offset, _ partition: Partition
    ) throws(LogError) -> FetchRecords {
        switch outcome {
        case .slice: return .empty
        case .nothing:
            // Nothing will come where the disk has failed: waiting would hide that.
            if let failure = partition.failure { throw failure }
            return .empty
        case .noRoom:
            // The answer had no room for what is left.
            if partition.failure != nil || work.isUsedUp { hasEnded = true }
            return .empty
        case .expired(let next):
            // The client asks again from there, and finds what comes, or the end.
            hasEnded = true
            let last = min(next.advanced(by: -1), offset.advanced(by: EmptyRecordBatch.offsetsMax - 1))
            let batch = emptyBatch(from: offset, through: last, partition)
            byteCount += batch.readableBytes
            budget = max(0, budget - batch.readableBytes)
            return .buffer(batch)
        }
    }

    private func emptyBatch(from first: Offset, through last: Offset, _ partition: Partition) -> ByteBuffer {
        let epoch = partition.leaderEpoch(at: last) ?? -1
        var buffer = ByteBuffer()
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: EmptyRecordBatch.byteCount) { bytes in
            let place = UnsafeMutableRawBufferPointer(rebasing: bytes[..<EmptyRecordBatch.byteCount])
            EmptyRecordBatch.write(to: place, from: first, through: last, leaderEpoch: epoch)
            return EmptyRecordBatch.byteCount
        }
        return buffer
    }

    private mutating func failed(_ data: FetchResponse.PartitionData, _ code: ErrorCode) -> FetchResponse.PartitionData
    {
        hasError = true
        var data = data
        data.errorCode = code
        // The one node leads it afterwards, too, and in the epoch that the client has to learn (KIP-951).
        if code == .notLeaderOrFollower || code == .fencedLeaderEpoch, call.version >= FetchRequest.firstLeaderVersion {
            data.currentLeader.leaderID = BrokerContext.nodeID
            data.currentLeader.leaderEpoch = log.leaderEpoch
            namesLeader = true
        }
        return data
    }

    /// - Parameter response: that of the plan, with the session's id.
    func reply(_ response: FetchResponse) {
        var buffer = ByteBufferAllocator().buffer(capacity: 256)
        var ranges: [ExternalRange] = []
        do throws(ProtocolError) {
            try Frame.append(
                response, version: call.version, correlationID: call.correlationID, to: &buffer, externalRanges: &ranges
            )
        } catch {
            return call.connection.close(because: "an answer cannot be written: \(error)", call)
        }
        let files = zip(ranges, slices).map { Reply.FileRange(position: $0.position, slice: $1) }
        call.connection.complete(call, Reply(buffer: buffer, files: files))
    }
}
