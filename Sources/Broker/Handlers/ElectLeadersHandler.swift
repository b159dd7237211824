internal import EventLog
internal import KafkaProtocol

/// The one node leads every partition: there is never anything to elect.
enum ElectLeadersHandler {
    /// 0: the preferred replica; 1: any that is alive.
    private static let electionTypes: ClosedRange<Int8> = 0...1

    static func handle(_ request: ElectLeadersRequest, _ call: Call) {
        let isKnown = electionTypes.contains(request.electionType)
        let log = call.connection.context.log
        call.reply(
            ElectLeadersResponse {
                if !isKnown { $0.errorCode = .invalidRequest }
                // Of all partitions, only those are told that an election was needed for.
                $0.replicaElectionResults = (request.topicPartitions ?? []).map { topic in
                    let found = log.topic(topic.topic)
                    return ElectLeadersResponse.ElectionResult {
                        $0.topic = topic.topic
                        $0.partitionResult = topic.partitions.map { index in
                            let refusal =
                                isKnown ? refusal(of: found?.partition(Int(index))) : unknownType(request.electionType)
                            return ElectLeadersResponse.PartitionResult {
                                $0.partitionID = index
                                $0.errorCode = refusal.code
                                $0.errorMessage = refusal.message
                            }
                        }
                    }
                }
            })
    }

    private static func refusal(of partition: Partition?) -> Refusal {
        guard partition != nil else {
            return Refusal(.unknownTopicOrPartition, "there is no such partition: list the topics there are")
        }
        return Refusal(
            .electionNotNeeded, "node \(BrokerContext.nodeID) leads the partition, and is the only one there is")
    }

    private static func unknownType(_ type: Int8) -> Refusal {
        Refusal(.invalidRequest, "\(type) is no type of election: 0 is for the preferred leader, 1 for any")
    }
}
