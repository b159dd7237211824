internal import KafkaProtocol

/// Says that there is no coordinator: groups and transactions are not served. Clients look for this API to tell what a
/// broker can do (librdkafka compresses by lz4 only where it is), so it is answered.
enum FindCoordinatorHandler {
    private static let reason = "consumer groups and transactions are not served: assign partitions yourself"

    static func handle(_ request: FindCoordinatorRequest, _ call: Call) {
        call.reply(
            FindCoordinatorResponse {
                $0.errorCode = .coordinatorNotAvailable
                $0.errorMessage = reason
                $0.nodeID = -1
                $0.port = -1
                $0.coordinators = request.coordinatorKeys.map { key in
                    FindCoordinatorResponse.Coordinator {
                        $0.key = key
                        $0.nodeID = -1
                        $0.port = -1
                        $0.errorCode = .coordinatorNotAvailable
                        $0.errorMessage = reason
                    }
                }
            })
    }
}
