internal import KafkaProtocol
internal import NIOCore
internal import RecordFormat

extension ProducerBatch {
    /// The batch as it goes over the wire; encoded once for a sequence number.
    func encoded(for producer: (id: Int64, epoch: Int16)?) throws(BatchError) -> ByteBuffer {
        if let wire { return wire }
        try builder.finish(producer: producer.map { (id: $0.id, epoch: $0.epoch, baseSequence: sequence ?? 0) })
        let wire = builder.withUnsafeBytes { ByteBuffer(bytes: $0) }
        self.wire = wire
        return wire
    }
}

extension ProduceRequest {
    mutating func add(_ records: ByteBuffer, _ partition: TopicPartition) {
        let data = PartitionData {
            $0.index = Int32(clamping: partition.partition)
            $0.records = records
        }
        if let place = topicData.firstIndex(where: { $0.name == partition.topic }) {
            topicData[place].partitionData.append(data)
        } else {
            topicData.append(
                TopicData {
                    $0.name = partition.topic
                    $0.partitionData = [data]
                })
        }
    }
}

extension ProduceResponse {
    var byPartition: [TopicPartition: PartitionResponse] {
        var answers: [TopicPartition: PartitionResponse] = [:]
        for topic in responses {
            for answer in topic.partitionResponses {
                answers[TopicPartition(topic: topic.name, partition: Int(answer.index))] = answer
            }
        }
        return answers
    }
}
