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
            listed[stored.id] = .init(stored)
        }
        for group in groups {
            let found = group.withMachine { state, _ -> ListGroupsResponse.ListedGroup? in
                let machine = state.machine
                // Where nobody is, and nothing is stored: someone has asked for it.
                guard !machine.isDead, machine.memberCount > 0 || listed[group.id] != nil else { return nil }
                return .init(group.id, machine)
            }
            if let found = found ?? nil { listed[group.id] = found }
        }
        return listed.values.sorted { $0.groupID < $1.groupID }
    }
}

extension ListGroupsResponse.ListedGroup {
    fileprivate init(_ id: String, _ machine: GroupMachine) {
        let shown = machine.listed
        self.init {
            $0.groupID = id
            $0.protocolType = shown.protocolType ?? ""
            $0.groupState = shown.state
            $0.groupType = shown.type
        }
    }

    /// A group that nobody is in.
    fileprivate init(_ stored: StoredGroup) {
        let isConsumer = stored.consumerState != nil
        self.init {
            $0.groupID = stored.id
            $0.protocolType = isConsumer ? SubscriptionMetadata.protocolType : stored.classicState?.protocolType ?? ""
            $0.groupState = GroupState.empty.wireName
            $0.groupType = isConsumer ? "consumer" : "classic"
        }
    }
}
