internal import EventLog
internal import KafkaProtocol

/// The one node.
enum DescribeClusterHandler {
    private static let brokers: Int8 = 1
    private static let controllers: Int8 = 2

    static func handle(_ request: DescribeClusterRequest, _ call: Call) {
        call.reply(
            DescribeClusterResponse {
                $0.endpointType = request.endpointType
                switch request.endpointType {
                case brokers: describe(request, call, &$0)
                case controllers:
                    $0.errorCode = .mismatchedEndpointType
                    $0.errorMessage = "this is a broker's endpoint, and there are no others: ask for brokers (1)"
                default:
                    $0.errorCode = .unsupportedEndpointType
                    $0.errorMessage = "\(request.endpointType) is no type of endpoint: ask for brokers (1)"
                }
            })
    }

    private static func describe(
        _ request: DescribeClusterRequest, _ call: Call, _ response: inout DescribeClusterResponse
    ) {
        let node = call.connection.nodeAddress
        response.clusterID = call.connection.context.log.directoryID
        response.controllerID = BrokerContext.nodeID
        response.brokers = [
            DescribeClusterResponse.Broker {
                $0.brokerID = BrokerContext.nodeID
                $0.host = node.host
                $0.port = Int32(clamping: node.port)
            }
        ]
        if request.includeClusterAuthorizedOperations {
            response.clusterAuthorizedOperations = AuthorizedOperations.cluster
        }
    }
}
