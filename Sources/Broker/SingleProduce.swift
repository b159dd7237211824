internal import EventLog
internal import Glibc
internal import KafkaProtocol
internal import NIOCore

/// The short way for what most producers send: one batch, for one partition that is there, which takes it. Whatever is not
/// just so is left to `ProduceHandler`, which begins anew: nothing has been done by then that could be seen.
enum SingleProduce {
    /// In a larger request little is gained, and what is left was looked at in vain.
    private static let byteCountMax = 16 << 10

    static func byteCountMax(_ limits: FrameLimits) -> Int { min(byteCountMax, limits.largest) }

    /// nil: the request is left.
    /// - Parameter topics: what the connection has found before.
    static func append(
        _ frame: UnsafeRawBufferPointer, _ connection: Connection, _ topics: inout RecentTopic
    ) -> SingleProduceReply? {
        guard let request = SingleProduceRequest(reading: frame),
            let topic = topics.find(
                UnsafeRawBufferPointer(rebasing: frame[request.topic]), isID: request.namesTopicByID,
                in: connection.context.log),
            let partition = topic.partition(Int(request.partition))
        else { return nil }
        do throws(Refusal) {
            let records = UnsafeRawBufferPointer(rebasing: frame[request.records])
            switch try ProducedBatch.append(records, version: request.version, to: partition, connection) {
            case .done(.accepted(let ticket)), .done(.duplicate(let ticket)):
                return SingleProduceReply(request, partition, ticket)
            case .done(.full), .isToSay: return nil
            // The topic may be gone, and another have its name.
            case .done(.rejected): topics.forget()
            }
        } catch {}
        return nil
    }
}

/// The answer to a `SingleProduceRequest`, which is known but for whether its round ends well.
struct SingleProduceReply {
    let partition: Partition
    let ticket: AppendTicket
    let correlationID: Int32
    let version: Int16
    /// True: `acks=all`.
    let waitsForDisk: Bool

    init(_ request: SingleProduceRequest, _ partition: Partition, _ ticket: AppendTicket) {
        self.partition = partition
        self.ticket = ticket
        correlationID = request.correlationID
        version = request.version
        waitsForDisk = request.acks == -1
    }

    /// After the round.
    /// - Parameter node: where this broker is reached.
    func write(to output: inout ByteBuffer, node: @autoclosure () -> HostPort) throws(ProtocolError) {
        let failure =
            waitsForDisk ? partition.outcome(of: ticket) : partition.refusal(of: ticket) ?? partition.failure
        guard failure == nil else { return try inFull.write(to: &output, node: node()) }
        SingleProduceResponse(
            version: version, correlationID: correlationID, topicName: partition.topicName,
            topicID: UUIDBytes(partition.topicID), partition: Int32(truncatingIfNeeded: partition.index),
            baseOffset: ticket.baseOffset.value, logAppendTimeMs: ticket.logAppendTime?.milliseconds ?? -1,
            logStartOffset: partition.logStart.value
        ).append(to: &output)
    }

    /// The same with room to say what went wrong.
    private var inFull: ProduceReply {
        var topic = ProduceRequest.TopicData()
        topic.name = partition.topicName
        topic.topicID = UUIDBytes(partition.topicID)
        var reply = ProduceReply(version: version, correlationID: correlationID, waitsForDisk: waitsForDisk)
        reply.begin(topic)
        reply.add(Int32(truncatingIfNeeded: partition.index), partition, ticket)
        return reply
    }
}

/// The topic that a connection has produced to last: most produce to no other. To find it by its bytes takes neither a text
/// nor the table's lock.
struct RecentTopic {
    private var topic: Topic?
    private var name: [UInt8] = []
    private var isID = false

    /// nil: it is not there, or not for clients to write to.
    /// - Parameter name: as it stands in the request; the bytes of its id where `isID`.
    mutating func find(
        _ name: UnsafeRawBufferPointer, isID: Bool, in log: @autoclosure () -> EventLog
    ) -> Topic? {
        if let topic, isID == self.isID, isNamed(name) { return topic }
        let log = log()
        guard let found = isID ? log.topic(idBytes: name) : log.topic(nameBytes: name),
            !InternalTopics.contains(found.name)
        else { return nil }
        topic = found
        self.name = Array(name)
        self.isID = isID
        return found
    }

    private func isNamed(_ name: UnsafeRawBufferPointer) -> Bool {
        guard let bytes = name.baseAddress, name.count == self.name.count else { return false }
        return memcmp(self.name, bytes, name.count) == 0
    }

    mutating func forget() { topic = nil }
}

extension EventLog {
    fileprivate func topic(nameBytes bytes: UnsafeRawBufferPointer) -> Topic? {
        String(validating: bytes, as: UTF8.self).flatMap { topic($0) }
    }

    fileprivate func topic(idBytes bytes: UnsafeRawBufferPointer) -> Topic? {
        guard bytes.count == MemoryLayout<UUIDBytes>.size else { return nil }
        let halves = (0..<2).map { UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self)) }
        return topic(id: TopicID(high: halves[0], low: halves[1]))
    }
}
