internal import KafkaProtocol
internal import NIOCore

/// From an API's number to its handler: one line each.
enum RequestRouter {
    static func route(_ header: RequestHeader, _ body: ByteBuffer, _ received: Call) throws {
        var call = received
        guard let key = ApiKey(rawValue: header.apiKey) else {
            throw RoutingError.unknownAPI(header.apiKey)
        }
        // A client that speaks a newer version learns from the answer which ones are served.
        if key == .apiVersions { return try ApiVersionsHandler.handle(header, body, call) }
        guard header.isSupported else { throw RoutingError.unsupportedVersion(key, header.apiVersion) }
        switch key {
        case .produce:
            // Takes no place in the order of answers where none is asked for.
            let request = try ProduceRequest(reading: body, version: call.version, memory: &call.byteCount)
            ProduceHandler.handle(request, call)
        case .fetch: FetchHandler.handle(try request(body, &call), call)
        case .listOffsets: ListOffsetsHandler.handle(try request(body, &call), call)
        case .metadata: MetadataHandler.handle(try request(body, &call), call)
        case .createTopics: CreateTopicsHandler.handle(try request(body, &call), call)
        case .deleteTopics: DeleteTopicsHandler.handle(try request(body, &call), call)
        case .createPartitions: CreatePartitionsHandler.handle(try request(body, &call), call)
        case .initProducerID: InitProducerIDHandler.handle(try request(body, &call), call)
        case .findCoordinator: FindCoordinatorHandler.handle(try request(body, &call), call)
        case .describeConfigs: DescribeConfigsHandler.handle(try request(body, &call), call)
        case .incrementalAlterConfigs: IncrementalAlterConfigsHandler.handle(try request(body, &call), call)
        case .alterConfigs: AlterConfigsHandler.handle(try request(body, &call), call)
        case .describeCluster: DescribeClusterHandler.handle(try request(body, &call), call)
        case .describeTopicPartitions: DescribeTopicPartitionsHandler.handle(try request(body, &call), call)
        case .electLeaders: ElectLeadersHandler.handle(try request(body, &call), call)
        case .listPartitionReassignments: ListPartitionReassignmentsHandler.handle(try request(body, &call), call)
        case .deleteRecords: DeleteRecordsHandler.handle(try request(body, &call), call)
        case .offsetForLeaderEpoch: OffsetForLeaderEpochHandler.handle(try request(body, &call), call)
        case .describeProducers: DescribeProducersHandler.handle(try request(body, &call), call)
        case .describeLogDirs: DescribeLogDirsHandler.handle(try request(body, &call), call)
        case .offsetCommit: OffsetCommitHandler.handle(try request(body, &call), call)
        case .offsetFetch: OffsetFetchHandler.handle(try request(body, &call), call)
        case .joinGroup: JoinGroupHandler.handle(try request(body, &call), call)
        case .heartbeat: HeartbeatHandler.handle(try request(body, &call), call)
        case .leaveGroup: LeaveGroupHandler.handle(try request(body, &call), call)
        case .syncGroup: SyncGroupHandler.handle(try request(body, &call), call)
        case .describeGroups: DescribeGroupsHandler.handle(try request(body, &call), call)
        case .listGroups: ListGroupsHandler.handle(try request(body, &call), call)
        case .deleteGroups: DeleteGroupsHandler.handle(try request(body, &call), call)
        case .offsetDelete: OffsetDeleteHandler.handle(try request(body, &call), call)
        case .consumerGroupHeartbeat: ConsumerGroupHeartbeatHandler.handle(try request(body, &call), call)
        case .consumerGroupDescribe: ConsumerGroupDescribeHandler.handle(try request(body, &call), call)
        case .alterGroupOffsets: AlterGroupOffsetsHandler.handle(try request(body, &call), call)
        case .describePositions: DescribePositionsHandler.handle(try request(body, &call), call)
        case .describeSegments: DescribeSegmentsHandler.handle(try request(body, &call), call)
        default: throw RoutingError.unsupportedVersion(key, header.apiVersion)
        }
    }

    /// Reads a request and takes its place in the order of answers.
    private static func request<Request: RequestMessage>(_ body: ByteBuffer, _ call: inout Call) throws(ProtocolError)
        -> Request
    {
        var memory = 0
        let request = try Request(reading: body, version: call.version, memory: &memory)
        // Its answer has as many elements, about, while it is made.
        call.byteCount += 2 * memory
        call.connection.expect(call)
        return request
    }
}

enum RoutingError: Error, CustomStringConvertible {
    case unknownAPI(Int16)
    case unsupportedVersion(ApiKey, Int16)

    var description: String {
        switch self {
        case .unknownAPI(let key): "API \(key) is none of Kafka's: is this a Kafka client?"
        case .unsupportedVersion(let key, let version): Self.unsupported(key, version)
        }
    }

    private static func unsupported(_ key: ApiKey, _ version: Int16) -> String {
        guard let offered = SupportedVersions.row(of: key.rawValue)?.offered else {
            return "\(key.name) is not served: the client must do without it"
        }
        return "\(key.name) version \(version) is not served: \(offered.lowerBound) to \(offered.upperBound) are, as "
            + "ApiVersions tells clients"
    }
}
