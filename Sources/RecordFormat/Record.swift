/// A record to append: what a producer gives. Keys, values and header values may be absent (`nil`), which is not the
/// same as empty.
public struct Record: Hashable, Sendable {
    public var key: [UInt8]?
    public var value: [UInt8]?
    public var headers: [RecordHeader]
    /// `nil`: the time of the append.
    public var timestamp: Timestamp?

    public init(
        key: [UInt8]? = nil, value: [UInt8]?, headers: [RecordHeader] = [], timestamp: Timestamp? = nil
    ) {
        self.key = key
        self.value = value
        self.headers = headers
        self.timestamp = timestamp
    }

    public init(
        key: String? = nil, value: String, headers: [RecordHeader] = [], timestamp: Timestamp? = nil
    ) {
        self.init(
            key: key.map { Array($0.utf8) }, value: Array(value.utf8), headers: headers, timestamp: timestamp)
    }
}

/// A header of a record: a name and a value, in the order given; names may repeat.
public struct RecordHeader: Hashable, Sendable {
    public var name: String
    public var value: [UInt8]?

    public init(name: String, value: [UInt8]?) {
        self.name = name
        self.value = value
    }
}

/// A record as it was read back: what was appended, where it lies and when.
public struct StoredRecord: Hashable, Sendable {
    public var offset: Offset
    public var timestamp: Timestamp
    public var key: [UInt8]?
    public var value: [UInt8]?
    public var headers: [RecordHeader]

    public init(
        offset: Offset, timestamp: Timestamp, key: [UInt8]?, value: [UInt8]?, headers: [RecordHeader] = []
    ) {
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self.headers = headers
    }

    /// The value as text; `nil` where there is none or it is not UTF-8.
    public var valueText: String? { value.flatMap { String(validating: $0, as: UTF8.self) } }
    /// The key as text; `nil` where there is none or it is not UTF-8.
    public var keyText: String? { key.flatMap { String(validating: $0, as: UTF8.self) } }
}
