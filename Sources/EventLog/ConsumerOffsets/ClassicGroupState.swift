/// What is stored of a group by Kafka's classic protocol. The bytes of members are the clients' own.
package struct ClassicGroupState: Hashable, Sendable {
    /// nil: the group has had none yet. Stored as an empty text, as Kafka does.
    package var protocolType: String?
    package var generation: Int32
    package var protocolName: String?
    package var leader: String?
    /// When the group got here. `Timestamp.none` in what is to be stored: the time of storing it.
    package var timestamp: Timestamp
    package var members: [Member]

    package init(
        protocolType: String?, generation: Int32, protocolName: String?, leader: String?,
        timestamp: Timestamp = .none, members: [Member]
    ) {
        self.protocolType = protocolType
        self.generation = generation
        self.protocolName = protocolName
        self.leader = leader
        self.timestamp = timestamp
        self.members = members
    }

    /// A member with its metadata of the chosen protocol. Times are in milliseconds.
    package struct Member: Hashable, Sendable {
        package var id: String
        package var instanceID: String?
        package var clientID: String
        package var clientHost: String
        package var rebalanceTimeout: Int32
        package var sessionTimeout: Int32
        package var metadata: [UInt8]
        package var assignment: [UInt8]

        package init(
            id: String, instanceID: String?, clientID: String, clientHost: String, rebalanceTimeout: Int32,
            sessionTimeout: Int32, metadata: [UInt8], assignment: [UInt8]
        ) {
            self.id = id
            self.instanceID = instanceID
            self.clientID = clientID
            self.clientHost = clientHost
            self.rebalanceTimeout = rebalanceTimeout
            self.sessionTimeout = sessionTimeout
            self.metadata = metadata
            self.assignment = assignment
        }
    }
}

/// Kafka's GroupMetadataValue: versions 0 to 4 are read, 3 is written.
extension ClassicGroupState {
    init(decoding value: RawSpan) throws(SchemaError) {
        var head = SchemaReader(value)
        let version = try head.int16()
        var fields = try SchemaReader(value: value, versions: 0...4, flexibleFrom: 4)
        let type = try fields.string()
        protocolType = type.isEmpty ? nil : type
        generation = try fields.int32()
        protocolName = try fields.nullableString()
        leader = try fields.nullableString()
        timestamp = version >= 2 ? Timestamp(milliseconds: try fields.int64()) : .none
        members = try fields.array { fields throws(SchemaError) in try Member(from: &fields, version: version) }
        try fields.tags()
    }

    func encode(into value: inout SchemaWriter) {
        value.begin(3)
        value.add(protocolType ?? "")
        value.add(generation)
        value.add(protocolName)
        value.add(leader)
        value.add(timestamp.milliseconds)
        value.add(members) { $1.encode(into: &$0) }
    }

    /// Every text has room in the schema.
    var isEncodable: Bool {
        protocolType.hasRoomInSchema && protocolName.hasRoomInSchema && leader.hasRoomInSchema
            && members.allSatisfy {
                $0.id.hasRoomInSchema && $0.instanceID.hasRoomInSchema && $0.clientID.hasRoomInSchema
                    && $0.clientHost.hasRoomInSchema
            }
    }
}

extension ClassicGroupState.Member {
    init(from fields: inout SchemaReader, version: Int16) throws(SchemaError) {
        id = try fields.string()
        instanceID = version >= 3 ? try fields.nullableString() : nil
        clientID = try fields.string()
        clientHost = try fields.string()
        let rebalance = version >= 1 ? try fields.int32() : nil
        sessionTimeout = try fields.int32()
        // Before there was a time-out of its own, the session's was that of the rebalance, too.
        rebalanceTimeout = rebalance ?? sessionTimeout
        metadata = try fields.byteArray()
        assignment = try fields.byteArray()
        try fields.tags()
    }

    func encode(into value: inout SchemaWriter) {
        value.add(id)
        value.add(instanceID)
        value.add(clientID)
        value.add(clientHost)
        value.add(rebalanceTimeout)
        value.add(sessionTimeout)
        value.add(metadata)
        value.add(assignment)
    }
}

extension String? {
    var hasRoomInSchema: Bool { self.map { $0.utf8.count <= SchemaWriter.stringBytesMax } ?? true }
}

extension String {
    var hasRoomInSchema: Bool { utf8.count <= SchemaWriter.stringBytesMax }
}
