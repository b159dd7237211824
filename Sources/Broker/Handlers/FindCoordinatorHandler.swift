internal import KafkaProtocol

/// Says that there is no coordinator: groups and transactions are not served. Clients look for this API to tell what a
/// broker can do (librdkafka compresses by lz4 only where it is), so it is answered.
enum FindCoordinatorHandler {
    static func handle(_ request: FindCoordinatorRequest, _ call: Call) {
        let (code, reason) = answer(toKeyType: request.keyType)
        call.reply(
            FindCoordinatorResponse {
                $0.errorCode = code
                $0.errorMessage = reason
                $0.nodeID = -1
                $0.port = -1
                $0.coordinators = request.coordinatorKeys.map { key in
                    FindCoordinatorResponse.Coordinator {
                        $0.key = key
                        $0.nodeID = -1
                        $0.port = -1
                        $0.errorCode = code
                        $0.errorMessage = reason
                    }
                }
            })
    }

    private static func answer(toKeyType type: Int8) -> (ErrorCode, String) {
        guard type == FindCoordinatorRequest.groupKey || type == FindCoordinatorRequest.transactionKey else {
            return (
                .invalidRequest, "a key of type \(type) is none of Kafka's: give 0 for a group, 1 for a transaction"
            )
        }
        return (
            .coordinatorNotAvailable, "consumer groups and transactions are not served: assign partitions yourself"
        )
    }
}
