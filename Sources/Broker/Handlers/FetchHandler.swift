internal import EventLog
internal import KafkaProtocol
internal import Logging
internal import NIOCore

/// Reads batches: byte ranges of segments, sent from the page cache. Where there is less than the client wants at
/// least, the request waits until there is more, or its time is up.
///
/// No sessions are kept: a client that goes on with one, of another broker or a former one, is told to begin anew.
enum FetchHandler {
    static func handle(_ request: FetchRequest, _ call: Call) {
        guard request.sessionEpoch <= 0 else {
            return call.reply(FetchResponse { $0.errorCode = .fetchSessionIDNotFound })
        }
        let plan = FetchPlan(request, call)
        let wait = min(Int(max(request.maxWaitMs, 0)), call.connection.context.limits.fetchWaitMilliseconds)
        if plan.isEnough || wait == 0 { return plan.reply() }
        DelayedFetch(request, call, milliseconds: wait).start()
    }
}

/// What a fetch would be answered now.
struct FetchPlan {
    private let call: Call
    private var response = FetchResponse()
    private var slices: [LogSlice] = []
    private var byteCount = 0
    private var hasError = false
    private let minBytes: Int

    init(_ request: FetchRequest, _ call: Call) {
        self.call = call
        minBytes = Int(max(request.minBytes, 0))
        var budget = min(Int(max(request.maxBytes, 0)), call.connection.context.limits.fetchBytes)
        for topic in request.topics {
            let found = call.connection.context.log.topic(topic.topic)
            var answer = FetchResponse.TopicResponse()
            answer.topic = topic.topic
            answer.partitions.reserveCapacity(topic.partitions.count)
            for wanted in topic.partitions { answer.partitions.append(data(wanted, found, &budget)) }
            response.responses.append(answer)
        }
    }

    /// True: the answer should not wait. An error is worth telling at once.
    var isEnough: Bool { hasError || byteCount >= minBytes || response.responses.isEmpty }

    private mutating func data(
        _ wanted: FetchRequest.Partition, _ topic: Topic?, _ budget: inout Int
    ) -> FetchResponse.PartitionData {
        var data = FetchResponse.PartitionData()
        data.partitionIndex = wanted.partition
        guard let partition = topic?.partition(Int(wanted.partition)) else {
            return failed(data, .unknownTopicOrPartition)
        }
        // Only epoch 0 was ever given out.
        guard wanted.currentLeaderEpoch <= 0 else { return failed(data, .unknownLeaderEpoch) }
        let end = partition.end
        data.highWatermark = end.value
        data.lastStableOffset = end.value
        data.logStartOffset = partition.logStart.value
        let bytesMax = min(Int(max(wanted.partitionMaxBytes, 0)), budget)
        do throws(LogError) {
            guard
                let slice = try partition.slice(
                    from: Offset(wanted.fetchOffset), maxBytes: bytesMax, firstBatchWhole: byteCount == 0)
            else {
                // Nothing will come where the disk has failed: waiting would hide that.
                if wanted.fetchOffset >= end.value, let failure = partition.failure { throw failure }
                return data
            }
            budget = max(0, budget - slice.byteCount)
            byteCount += slice.byteCount
            slices.append(slice)
            data.records = .external(byteCount: slice.byteCount)
            return data
        } catch {
            if case .offsetOutOfRange = error {
                data.highWatermark = partition.end.value
            } else {
                call.connection.logger.error("a fetch failed", metadata: ["error": "\(error)"])
            }
            return failed(data, error.wireCode)
        }
    }

    private mutating func failed(_ data: FetchResponse.PartitionData, _ code: ErrorCode) -> FetchResponse.PartitionData
    {
        hasError = true
        var data = data
        data.errorCode = code
        if code == .unknownTopicOrPartition { data.highWatermark = -1 }
        return data
    }

    func reply() {
        var buffer = ByteBufferAllocator().buffer(capacity: 256)
        var ranges: [ExternalRange] = []
        do throws(ProtocolError) {
            try Frame.append(
                response, version: call.version, correlationID: call.correlationID, to: &buffer, externalRanges: &ranges
            )
        } catch {
            return call.connection.close(because: "an answer cannot be written: \(error)")
        }
        let files = zip(ranges, slices).map { Reply.FileRange(position: $0.position, slice: $1) }
        call.connection.complete(call, Reply(buffer: buffer, files: files))
    }
}
