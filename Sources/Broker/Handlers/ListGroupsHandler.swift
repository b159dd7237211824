internal import EventLog
internal import GroupCoordination
internal import KafkaProtocol

/// The groups that there are: those with members, those with offsets alone.
enum ListGroupsHandler {
    static func handle(_ request: ListGroupsRequest, _ call: Call) {
        let states = Set(request.statesFilter.map { $0.lowercased() })
        let types = Set(request.typesFilter.map { $0.lowercased() })
        let coordinator = call.connection.context.groups
        guard !coordinator.isStopped else {
            return call.reply(ListGroupsResponse { $0.errorCode = .coordinatorNotAvailable })
        }
        let groups = coordinator.listed.filter { group in
            (states.isEmpty || states.contains(group.groupState.lowercased()))
                && (types.isEmpty || types.contains(group.groupType.lowercased()))
        }
        call.reply(ListGroupsResponse { $0.groups = groups })
    }
}

extension GroupCoordinator {
    /// In order of names.
    fileprivate var listed: [ListGroupsResponse.ListedGroup] {
        var listed: [String: ListGroupsResponse.ListedGroup] = [:]
        for stored in offsets.groups {
            listed[stored.id] = .init(stored.id, .empty, protocolType: stored.classicState?.protocolType)
        }
        for group in groups {
            let found = group.withMachine { state, _ in (state.machine.state, state.machine.protocolType) }
            guard let (state, protocolType) = found, state != .dead else { continue }
            // Asked for, but nobody has come yet.
            if state == .empty, listed[group.id] == nil { continue }
            listed[group.id] = .init(group.id, state, protocolType: protocolType)
        }
        return listed.values.sorted { $0.groupID < $1.groupID }
    }
}

extension ListGroupsResponse.ListedGroup {
    fileprivate init(_ id: String, _ state: GroupState, protocolType: String?) {
        self.init {
            $0.groupID = id
            $0.protocolType = protocolType ?? ""
            $0.groupState = state.wireName
            $0.groupType = "classic"
        }
    }
}
