internal import KafkaProtocol

extension Cluster {
    /// A connection to the broker that keeps a group. Throws what `retrying` waits out while there is none.
    func coordinator(ofGroup group: String) async throws(KafkaClientError) -> BrokerConnection {
        var request = FindCoordinatorRequest()
        request.key = group
        request.keyType = FindCoordinatorRequest.groupKey
        request.coordinatorKeys = [group]
        let response = try await anyConnection().call(request)
        // Versions from 4 on answer for several groups; those before have the one in their own fields.
        if let coordinator = response.coordinators.first(where: { $0.key == group }) ?? response.coordinators.first {
            guard coordinator.errorCode == .none else {
                throw KafkaClientError(coordinator.errorCode, group: group, message: coordinator.errorMessage)
            }
            return try await connection(toHost: coordinator.host, port: coordinator.port)
        }
        guard response.errorCode == .none else {
            throw KafkaClientError(response.errorCode, group: group, message: response.errorMessage)
        }
        return try await connection(toHost: response.host, port: response.port)
    }

    private func connection(toHost host: String, port: Int32) async throws(KafkaClientError) -> BrokerConnection {
        guard !host.isEmpty, (1...65535).contains(port) else {
            throw .invalidResponse("FindCoordinator with the address '\(host):\(port)'")
        }
        return try await connection(at: BrokerAddress(host: host, port: Int(port)))
    }
}

extension KafkaClientError {
    /// An answer's error code about a group; `message`: what the broker says about it, if anything.
    init(_ code: ErrorCode, group: String, message: String? = nil) {
        switch code {
        case .groupIDNotFound: self = .unknownGroup(group)
        case .nonEmptyGroup: self = .nonEmptyGroup(group)
        case .groupSubscribedToTopic: self = .subscribedGroup(group)
        default: self.init(code, message: message.flatMap { $0.isEmpty ? nil : $0 })
        }
    }
}
