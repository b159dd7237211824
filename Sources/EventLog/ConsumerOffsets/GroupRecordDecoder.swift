/// A record of `__consumer_offsets`, decoded, with who wrote it and why.
package struct DecodedGroupRecord: Hashable, Sendable {
    package var group: String
    package var entry: GroupEntry
    /// The record's own.
    package var timestamp: Timestamp
    /// nil: the record does not say; Kafka's do not.
    package var author: ChangeAuthor?
    /// nil: a plain commit, or the group's own state.
    package var note: ChangeNote?

    /// Decodes a record as a consumer of the topic gets it. nil: a key of a type that is not known here, or none at all.
    /// Throws where key and value are not by Kafka's schemas. Headers that are not ours are passed over.
    package static func decode(
        key: [UInt8]?, value: [UInt8]?, headers: [RecordHeader], timestamp: Timestamp
    ) throws(SchemaError) -> DecodedGroupRecord? {
        guard let key else { return nil }
        guard let (group, entry) = try GroupEntry.decode(key: key, value: value) else { return nil }
        return DecodedGroupRecord(
            group: group, entry: entry, timestamp: timestamp,
            author: headers.bytes(ChangeAuthor.headerName).flatMap { ChangeAuthor(header: $0) },
            note: headers.bytes(ChangeNote.headerName).flatMap { ChangeNote(header: $0) })
    }
}

extension GroupEntry {
    static func decode(
        key: [UInt8], value: [UInt8]?
    ) throws(SchemaError) -> (group: String, entry: GroupEntry)? {
        guard let value else { return try decode(key: key.span.bytes, value: nil) }
        return try decode(key: key.span.bytes, value: value.span.bytes)
    }
}

extension [RecordHeader] {
    /// The value of the last header of that name.
    fileprivate func bytes(_ name: String) -> [UInt8]? { last { $0.name == name }?.value }
}
