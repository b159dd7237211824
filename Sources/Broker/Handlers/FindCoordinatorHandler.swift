internal import EventLog
internal import KafkaProtocol

/// Says who coordinates groups: the one node. Transactions and share groups are not served.
enum FindCoordinatorHandler {
    static func handle(_ request: FindCoordinatorRequest, _ call: Call) {
        do throws(Refusal) {
            try check(request.keyType)
        } catch {
            return refuse(error, request, call)
        }
        // Who asks means to join or to commit: that needs the topic of offsets.
        call.connection.context.groups.prepared(call) { failure in
            if let failure {
                return refuse(Refusal(.coordinatorNotAvailable, failure.wireMessage), request, call)
            }
            let node = call.connection.nodeAddress
            let port = Int32(clamping: node.port)
            call.reply(
                FindCoordinatorResponse {
                    $0.nodeID = BrokerContext.nodeID
                    $0.host = node.host
                    $0.port = port
                    $0.coordinators = request.coordinatorKeys.map { key in
                        FindCoordinatorResponse.Coordinator {
                            $0.key = key
                            $0.nodeID = BrokerContext.nodeID
                            $0.host = node.host
                            $0.port = port
                        }
                    }
                })
        }
    }

    private static func refuse(_ refusal: Refusal, _ request: FindCoordinatorRequest, _ call: Call) {
        call.reply(
            FindCoordinatorResponse {
                $0.errorCode = refusal.code
                $0.errorMessage = refusal.message
                $0.nodeID = -1
                $0.port = -1
                $0.coordinators = request.coordinatorKeys.map { key in
                    FindCoordinatorResponse.Coordinator {
                        $0.key = key
                        $0.nodeID = -1
                        $0.port = -1
                        $0.errorCode = refusal.code
                        $0.errorMessage = refusal.message
                    }
                }
            })
    }

    private static func check(_ keyType: Int8) throws(Refusal) {
        switch keyType {
        case FindCoordinatorRequest.groupKey: return
        case FindCoordinatorRequest.transactionKey:
            throw Refusal(
                .coordinatorNotAvailable,
                "transactions are not served: leave out the transactional id, idempotence needs none")
        case FindCoordinatorRequest.shareKey:
            throw Refusal(.invalidRequest, "share groups are not served: use a consumer group, with key type 0")
        default:
            throw Refusal(
                .invalidRequest,
                "a key of type \(keyType) is none of Kafka's: give 0 for a group, 1 for a transaction")
        }
    }
}
