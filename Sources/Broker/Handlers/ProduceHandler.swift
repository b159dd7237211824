internal import EventLog
internal import KafkaProtocol
internal import NIOCore

/// Appends a producer's batches. Each is checked in place, compressed where its topic asks for that, and copied once,
/// into the round that gathers; the answer follows when the round is written (`acks=1`) or durable (`acks=all`).
enum ProduceHandler {
    static func handle(_ request: ProduceRequest, _ call: Call) {
        if request.acks != 0 { call.connection.expect(call) }
        var work = ProduceWork(request, call)
        work.run()
    }
}

/// A produce request on its way, partition by partition.
struct ProduceWork {
    private let request: ProduceRequest
    private let call: Call
    private var reply: ProduceReply
    private var topicIndex = 0
    private var partitionIndex = 0

    init(_ request: ProduceRequest, _ call: Call) {
        self.request = request
        self.call = call
        reply = ProduceReply(call, waitsForDisk: request.acks == -1)
    }

    /// Appends what is left; where there is no room, the connection goes on with it after the next round.
    mutating func run() {
        while topicIndex < request.topicData.count {
            let topic = request.topicData[topicIndex]
            if partitionIndex == 0 { reply.begin(topic: topic.name, count: topic.partitionData.count) }
            let found = call.connection.context.log.topic(topic.name)
            while partitionIndex < topic.partitionData.count {
                let data = topic.partitionData[partitionIndex]
                if let round = append(data, to: found) {
                    let work = self
                    return call.connection.stall(StalledProduce(round: round, work: work))
                }
                partitionIndex += 1
            }
            partitionIndex = 0
            topicIndex += 1
        }
        finish()
    }

    private func finish() {
        if request.acks == 0 {
            // Nobody waits for an answer: a closed connection is the only way to say that something went wrong.
            if let error = reply.firstError {
                call.connection.close(because: "a produce request without acknowledgement failed: \(error)")
            }
            return
        }
        call.connection.complete(call, after: reply)
    }

    /// A round to wait for where there is no room.
    private mutating func append(_ data: ProduceRequest.PartitionData, to topic: Topic?) -> UInt64? {
        guard (-1...1).contains(request.acks) else {
            reply.add(data.index, .invalidRequiredAcks, "acks must be 0, 1 or -1")
            return nil
        }
        guard request.transactionalID == nil else {
            reply.add(data.index, .invalidTxnState, "transactions are not served")
            return nil
        }
        guard let partition = topic?.partition(Int(data.index)) else {
            reply.add(data.index, .unknownTopicOrPartition, "there is no such partition")
            return nil
        }
        guard call.version >= ProduceRequest.firstBatchVersion else {
            reply.add(data.index, .unsupportedForMessageFormat, "only message format 2 is served")
            return nil
        }
        guard let records = data.records else {
            reply.add(data.index, .invalidRecord, "there are no records")
            return nil
        }
        switch Self.append(records, to: partition, call) {
        case .accepted(let ticket), .duplicate(let ticket):
            reply.add(data.index, partition, ticket)
            return nil
        case .full(let round): return round
        case .rejected(let error):
            reply.add(data.index, error.wireCode, error.description)
            return nil
        }
    }

    private static func append(_ records: ByteBuffer, to partition: Partition, _ call: Call) -> AppendOutcome {
        records.withUnsafeReadableBytes { bytes in
            do throws(BatchError) {
                let batch = try checked(bytes, call.connection.context.limits)
                let settings = partition.settings
                // The limit is for what is sent, so that compressing here lets nothing through.
                guard bytes.count <= settings.batchBytesMax else {
                    return .rejected(.batchTooLarge(bytes: bytes.count, limit: settings.batchBytesMax))
                }
                if settings.compression == .lz4, batch.header.compression == Compression.none,
                    call.connection.loop.compressor.compress(batch)
                {
                    return try appendCompressed(to: partition, call.connection.loop)
                }
                return partition.append(bytes, header: batch.header)
            } catch {
                return .rejected(.corruptBatch(error))
            }
        }
    }

    private static func appendCompressed(to partition: Partition, _ loop: BrokerLoop) throws(BatchError)
        -> AppendOutcome
    {
        try loop.compressor.withUnsafeBytes { bytes throws(BatchError) in
            partition.append(bytes, header: try RecordBatchHeader(parsing: bytes.bytes))
        }
    }

    /// Exactly one batch, whole and true, of records that a producer may send.
    @_lifetime(borrow bytes)
    private static func checked(_ bytes: UnsafeRawBufferPointer, _ limits: Limits) throws(BatchError) -> RecordBatchView
    {
        let batch = try RecordBatchView(validating: bytes.bytes)
        guard batch.header.sizeInBytes == bytes.count else { throw .badLength(bytes.count) }
        guard !batch.header.attributes.isControl, !batch.header.attributes.isTransactional else {
            throw .badRecordCount(batch.header.recordCount)
        }
        try batch.validateRecords(decompressedBytesMax: limits.decompressedBytes)
        return batch
    }
}

/// A produce request that found no room in the round that gathers.
struct StalledProduce {
    let round: UInt64
    let work: ProduceWork

    func resume() {
        var work = work
        work.run()
    }
}

/// The answer to a produce request, which is known but for whether its rounds end well.
struct ProduceReply {
    let version: Int16
    let correlationID: Int32
    /// True: `acks=all`.
    let waitsForDisk: Bool
    /// The last round that holds one of its batches.
    private(set) var round: UInt64 = 0
    private(set) var firstError: String?
    /// True: the connection waits for the round already.
    private(set) var isListed = false
    private var answer = ProduceResponse()
    private var tickets: [(topic: Int, place: Int, partition: Partition, ticket: AppendTicket)] = []

    init(_ call: Call, waitsForDisk: Bool) {
        version = call.version
        correlationID = call.correlationID
        self.waitsForDisk = waitsForDisk
    }

    mutating func begin(topic: String, count: Int) {
        var response = ProduceResponse.TopicResponse()
        response.name = topic
        response.partitionResponses.reserveCapacity(count)
        answer.responses.append(response)
    }

    mutating func add(_ index: Int32, _ code: ErrorCode, _ message: String) {
        if firstError == nil { firstError = message }
        add(
            ProduceResponse.PartitionResponse {
                $0.index = index
                $0.errorCode = code
                $0.baseOffset = -1
                $0.errorMessage = message
            })
    }

    mutating func add(_ index: Int32, _ partition: Partition, _ ticket: AppendTicket) {
        round = max(round, ticket.round)
        let topic = answer.responses.count - 1
        tickets.append((topic, answer.responses[topic].partitionResponses.count, partition, ticket))
        add(
            ProduceResponse.PartitionResponse {
                $0.index = index
                $0.baseOffset = ticket.baseOffset.value
                $0.logAppendTimeMs = ticket.logAppendTime?.milliseconds ?? -1
                $0.logStartOffset = partition.logStart.value
            })
    }

    private mutating func add(_ response: ProduceResponse.PartitionResponse) {
        answer.responses[answer.responses.count - 1].partitionResponses.append(response)
    }

    var listed: ProduceReply {
        var reply = self
        reply.isListed = true
        return reply
    }

    /// After the round: what became of the batches.
    func response() -> ProduceResponse {
        var answer = answer
        for (topic, place, partition, ticket) in tickets {
            let failure = waitsForDisk ? partition.outcome(of: ticket) : partition.failure
            guard let failure else { continue }
            answer.responses[topic].partitionResponses[place].errorCode = failure.wireCode
            answer.responses[topic].partitionResponses[place].baseOffset = -1
            answer.responses[topic].partitionResponses[place].errorMessage = failure.description
        }
        return answer
    }
}
