internal import KafkaProtocol

/// No partition is ever on its way to another node: there is one.
enum ListPartitionReassignmentsHandler {
    static func handle(_ request: ListPartitionReassignmentsRequest, _ call: Call) {
        call.reply(ListPartitionReassignmentsResponse { $0.errorMessage = nil })
    }
}
