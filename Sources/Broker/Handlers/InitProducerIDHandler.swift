internal import EventLog
internal import KafkaProtocol

/// Gives an idempotent producer its id. Transactions are not served.
enum InitProducerIDHandler {
    static func handle(_ request: InitProducerIDRequest, _ call: Call) {
        call.reply(
            InitProducerIDResponse {
                guard request.transactionalID == nil else {
                    $0.errorCode = .invalidRequest
                    return
                }
                // A producer that has one and asks again starts its sequence numbers anew: a new id does for that.
                $0.producerID = call.connection.context.log.makeProducerID()
                $0.producerEpoch = 0
            })
    }
}
