// The values of KIP-848's records: all of version 0, which is flexible.

extension SchemaReader {
    @_lifetime(copy bytes)
    init(consumerValue bytes: RawSpan) throws(SchemaError) {
        try self.init(value: bytes, versions: 0...0, flexibleFrom: 0)
    }

    mutating func topicPartitions() throws(SchemaError) -> TopicPartitions {
        let id = try topicID()
        let partitions = try array { fields throws(SchemaError) in try fields.int32() }
        try tags()
        return TopicPartitions(topicID: id, partitions: partitions)
    }

    mutating func topicPartitionsList() throws(SchemaError) -> [TopicPartitions] {
        try array { fields throws(SchemaError) in try fields.topicPartitions() }
    }

    mutating func strings() throws(SchemaError) -> [String] {
        try array { fields throws(SchemaError) in try fields.string() }
    }
}

extension SchemaWriter {
    mutating func add(_ list: [TopicPartitions]) {
        add(list) { writer, topic in
            writer.add(topic.topicID)
            writer.add(topic.partitions) { $0.add($1) }
            writer.addTags()
        }
    }

    mutating func add(_ texts: [String]) { add(texts) { $0.add($1) } }
}

extension ConsumerGroupMetadata {
    init(decoding value: RawSpan) throws(SchemaError) {
        var fields = try SchemaReader(consumerValue: value)
        let epoch = try fields.int32()
        var hash: Int64 = 0
        try fields.tags { tag, field throws(SchemaError) in if tag == 0 { hash = try field.int64() } }
        self.init(epoch: epoch, metadataHash: hash)
    }

    func encode(into value: inout SchemaWriter) {
        value.begin(0, isFlexible: true)
        value.add(epoch)
        value.addTags(metadataHash == 0 ? [] : [(tag: 0, write: { $0.add(metadataHash) })])
    }
}

extension TargetAssignmentMetadata {
    init(decoding value: RawSpan) throws(SchemaError) {
        var fields = try SchemaReader(consumerValue: value)
        self.init(epoch: try fields.int32())
        try fields.tags()
    }

    func encode(into value: inout SchemaWriter) {
        value.begin(0, isFlexible: true)
        value.add(epoch)
        value.addTags()
    }
}

extension ConsumerMemberMetadata {
    init(decoding value: RawSpan) throws(SchemaError) {
        var fields = try SchemaReader(consumerValue: value)
        instanceID = try fields.nullableString()
        rackID = try fields.nullableString()
        clientID = try fields.string()
        clientHost = try fields.string()
        topicNames = try fields.strings()
        topicRegex = try fields.nullableString()
        rebalanceTimeout = try fields.int32()
        serverAssignor = try fields.nullableString()
        var protocols: [ClassicProtocol]?
        try fields.tags { tag, field throws(SchemaError) in
            // A struct that may be null begins with a byte that tells: 1, it is there.
            guard tag == 0, try field.int8() == 1 else { return }
            protocols = try field.array { fields throws(SchemaError) in try ClassicProtocol(from: &fields) }
            try field.tags()
        }
        classicProtocols = protocols
    }

    func encode(into value: inout SchemaWriter) {
        value.begin(0, isFlexible: true)
        value.add(instanceID)
        value.add(rackID)
        value.add(clientID)
        value.add(clientHost)
        value.add(topicNames)
        value.add(topicRegex)
        value.add(rebalanceTimeout)
        value.add(serverAssignor)
        guard let classicProtocols else { return value.addTags() }
        value.addTags([(tag: 0, write: { Self.encode(classicProtocols, into: &$0) })])
    }

    private static func encode(_ protocols: [ClassicProtocol], into field: inout SchemaWriter) {
        field.add(Int8(1))
        field.add(protocols) { writer, one in
            writer.add(one.name)
            writer.add(one.metadata)
            writer.addTags()
        }
        field.addTags()
    }
}

extension ConsumerMemberMetadata.ClassicProtocol {
    init(from fields: inout SchemaReader) throws(SchemaError) {
        name = try fields.string()
        metadata = try fields.byteArray()
        try fields.tags()
    }
}

/// Kafka's ConsumerGroupTargetAssignmentMemberValue: a list and nothing else.
extension [TopicPartitions] {
    init(decoding value: RawSpan) throws(SchemaError) {
        var fields = try SchemaReader(consumerValue: value)
        self = try fields.topicPartitionsList()
        try fields.tags()
    }

    func encode(into value: inout SchemaWriter) {
        value.begin(0, isFlexible: true)
        value.add(self)
        value.addTags()
    }
}

extension CurrentAssignment {
    init(decoding value: RawSpan) throws(SchemaError) {
        var fields = try SchemaReader(consumerValue: value)
        memberEpoch = try fields.int32()
        previousMemberEpoch = try fields.int32()
        state = try fields.int8()
        assigned = try fields.topicPartitionsList()
        pendingRevocation = try fields.topicPartitionsList()
        try fields.tags()
    }

    func encode(into value: inout SchemaWriter) {
        value.begin(0, isFlexible: true)
        value.add(memberEpoch)
        value.add(previousMemberEpoch)
        value.add(state)
        value.add(assigned)
        value.add(pendingRevocation)
        value.addTags()
    }
}

extension ResolvedRegularExpression {
    init(decoding value: RawSpan) throws(SchemaError) {
        var fields = try SchemaReader(consumerValue: value)
        topics = try fields.strings()
        version = try fields.int64()
        timestamp = Timestamp(milliseconds: try fields.int64())
        try fields.tags()
    }

    func encode(into value: inout SchemaWriter) {
        value.begin(0, isFlexible: true)
        value.add(topics)
        value.add(version)
        value.add(timestamp.milliseconds)
        value.addTags()
    }
}
