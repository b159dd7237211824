internal import EventLog
internal import KafkaProtocol
internal import Logging
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
            // Where its first partition found no room, it has been begun already.
            if reply.topicCount == topicIndex { reply.begin(topic) }
            let (found, missing) = call.connection.context.log.topic(
                topic.name, topic.topicID, byID: call.version >= ProduceRequest.firstTopicIDVersion)
            while partitionIndex < topic.partitionData.count {
                let data = topic.partitionData[partitionIndex]
                if let round = append(data, to: found, missing: missing) {
                    let work = self
                    let resume = {
                        var rest = work
                        rest.run()
                    }
                    return call.connection.stall(
                        StalledWork(
                            round: round, byteCount: request.acks == 0 ? call.byteCount : 0, resume: resume))
                }
                partitionIndex += 1
            }
            partitionIndex = 0
            topicIndex += 1
        }
        finish()
    }

    private func finish() {
        if let first = reply.firstRefusal, let partition = first.partition {
            // One line a request: a client must not be able to fill the disk by the log.
            call.connection.context.clientLog.write(
                .warning, "a batch is refused",
                [
                    "peer": "\(call.connection.peer)", "topic": "\(partition.topicName)",
                    "partition": "\(partition.index)", "error": "\(first.refusal.code.name)",
                    "reason": "\(first.refusal.message)",
                ])
        }
        if request.acks == 0 {
            // Nobody waits for an answer: a closed connection is the only way to say that something went wrong.
            if let first = reply.firstRefusal {
                let reason = "a produce request without acknowledgement failed: \(first.refusal.message)"
                call.connection.close(because: reason, call)
            }
            return
        }
        call.connection.complete(call, after: .produce(reply))
    }

    /// A round to wait for where there is no room.
    private mutating func append(
        _ data: ProduceRequest.PartitionData, to topic: Topic?, missing: ErrorCode
    ) -> UInt64? {
        let partition = topic?.partition(Int(data.index))
        do throws(Refusal) {
            try checkRequest()
            guard let topic else { throw noTopic(missing) }
            guard !InternalTopics.contains(topic.name) else {
                throw .internalTopic(topic.name, "commit offsets as a consumer does")
            }
            guard let partition else { throw .noPartition(data.index, of: topic) }
            guard let records = data.records else {
                throw Refusal(.invalidRecord, "there are no records: send a batch")
            }
            switch try Self.append(records, to: partition, call) {
            case .accepted(let ticket), .duplicate(let ticket): reply.add(data.index, partition, ticket)
            case .full(let round): return round
            case .rejected(let error): throw Refusal(error)
            }
        } catch {
            reply.add(data.index, partition, error)
        }
        return nil
    }

    private func noTopic(_ code: ErrorCode) -> Refusal {
        let wanted = request.topicData[topicIndex]
        guard code == .unknownTopicID else { return Refusal(.unknownTopic(wanted.name)) }
        return .unknownTopic(wanted.topicID)
    }

    /// What is wrong with the request as a whole is the answer for each of its partitions.
    private func checkRequest() throws(Refusal) {
        guard (-1...1).contains(request.acks) else {
            throw Refusal(.invalidRequiredAcks, "acks=\(request.acks) is not possible: it must be 0, 1 or -1, for all")
        }
        guard request.transactionalID == nil else { throw .transactional }
        guard call.version >= ProduceRequest.firstBatchVersion else {
            throw Refusal(
                .unsupportedForMessageFormat,
                "Produce \(call.version) carries message formats before 2: use a client of Kafka 0.11 or later")
        }
    }

    private static func append(
        _ records: ByteBuffer, to partition: Partition, _ call: Call
    ) throws(Refusal) -> AppendOutcome {
        let (step, refusal) = records.withUnsafeReadableBytes { bytes -> (ProducedBatch.Step?, Refusal?) in
            do throws(Refusal) {
                return (try ProducedBatch.append(bytes, version: call.version, to: partition, call.connection), nil)
            } catch {
                return (nil, error)
            }
        }
        switch step {
        case .done(let outcome): return outcome
        case .isToSay(let latest):
            var corrected = records
            corrected.withUnsafeMutableReadableBytes { RecordBatchPatch.setMaxTimestamp($0, latest) }
            return try append(corrected, to: partition, call)
        case nil: throw refusal ?? Refusal(.unknownServerError, "nothing was appended")
        }
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
    /// The first thing that went wrong, with the partition where there is one.
    private(set) var firstRefusal: (partition: Partition?, refusal: Refusal)?
    /// True: a partition's `currentLeader` is set.
    private var namesLeader = false
    private var answer = ProduceResponse()
    private var tickets: [(topic: Int, place: Int, partition: Partition, ticket: AppendTicket)] = []

    init(_ call: Call, waitsForDisk: Bool) {
        self.init(version: call.version, correlationID: call.correlationID, waitsForDisk: waitsForDisk)
    }

    init(version: Int16, correlationID: Int32, waitsForDisk: Bool) {
        self.version = version
        self.correlationID = correlationID
        self.waitsForDisk = waitsForDisk
    }

    /// Those that were begun.
    var topicCount: Int { answer.responses.count }

    mutating func begin(_ topic: ProduceRequest.TopicData) {
        var response = ProduceResponse.TopicResponse()
        response.name = topic.name
        response.topicID = topic.topicID
        response.partitionResponses.reserveCapacity(topic.partitionData.count)
        answer.responses.append(response)
    }

    mutating func add(_ index: Int32, _ partition: Partition?, _ refusal: Refusal) {
        if firstRefusal == nil { firstRefusal = (partition, refusal) }
        if refusal.code == .notLeaderOrFollower { namesLeader = true }
        add(
            ProduceResponse.PartitionResponse {
                $0.index = index
                $0.refuse(refusal, partition)
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

    /// After the round.
    /// - Parameter node: where this broker is reached.
    func write(to output: inout ByteBuffer, node: @autoclosure () -> HostPort) throws(ProtocolError) {
        try Frame.append(response(node: node()), version: version, correlationID: correlationID, to: &output)
    }

    /// What became of the batches.
    private func response(node: @autoclosure () -> HostPort) -> ProduceResponse {
        var answer = answer
        var namesLeader = namesLeader
        for (topic, place, partition, ticket) in tickets {
            let failure =
                waitsForDisk
                ? partition.outcome(of: ticket) : partition.refusal(of: ticket) ?? partition.failure
            guard let failure else { continue }
            answer.responses[topic].partitionResponses[place].refuse(Refusal(failure), partition)
            if failure.wireCode == .notLeaderOrFollower { namesLeader = true }
        }
        if namesLeader { answer.nodeEndpoints = [NodeEndpoint(node())] }
        return answer
    }
}

extension ProduceResponse.PartitionResponse {
    fileprivate mutating func refuse(_ refusal: Refusal, _ partition: Partition?) {
        errorCode = refusal.code
        baseOffset = -1
        errorMessage = refusal.message
        recordErrors = refusal.records.map { record in
            ProduceResponse.RecordError {
                $0.batchIndex = Int32(clamping: record.index)
                $0.batchIndexErrorMessage = record.message
            }
        }
        // Where the broker stops: the same node leads the partition afterwards (KIP-951).
        guard refusal.code == .notLeaderOrFollower, let partition else { return }
        currentLeader.leaderID = BrokerContext.nodeID
        currentLeader.leaderEpoch = partition.leaderEpoch
    }
}
