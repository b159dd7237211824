/// When a topic's records expire: by the header `martlet-ttl-ms` where the topic reads it, else by `record.ttl.ms`.
/// Both count milliseconds from the record's timestamp on; from that moment nobody needs to get the record any more.
package struct RecordExpiry: Hashable, Sendable {
    /// `record.ttl.ms`; nil: a record without the header is there as long as the log has it.
    package let milliseconds: Int64?
    /// `record.ttl.headers`.
    package let readsHeaders: Bool

    package static let headerName: StaticString = "martlet-ttl-ms"

    /// nil: in such a topic nothing expires.
    package init?(_ settings: TopicSettings) {
        guard settings.readsTTLHeaders || settings.recordTTLMilliseconds != nil else { return nil }
        milliseconds = settings.recordTTLMilliseconds
        readsHeaders = settings.readsTTLHeaders
    }

    /// The first moment at which the record is expired; `never` for one that says nothing, or has no timestamp.
    package func expiry(of record: borrowing RecordView) -> Timestamp {
        var lifetime = milliseconds
        if readsHeaders, record.headerCount > 0, let said = record.value(ofHeader: Self.headerName) {
            lifetime = Self.lifetime(said) ?? milliseconds
        }
        return Self.moment(lifetime, after: record.timestamp)
    }

    package func isExpired(_ record: borrowing RecordView, at now: Timestamp) -> Bool { expiry(of: record) <= now }

    /// When the last record of a batch expires, by the batch's header and `record.ttl.ms` alone: exact where the headers
    /// of records are not read; what counts for a codec that is not decoded here.
    package func expiry(ofUndecoded header: RecordBatchHeader) -> Timestamp {
        Self.moment(milliseconds, after: header.maxTimestamp)
    }

    private static func moment(_ lifetime: Int64?, after timestamp: Timestamp) -> Timestamp {
        guard let lifetime, timestamp.milliseconds >= 0 else { return .never }
        let (sum, overflow) = timestamp.milliseconds.addingReportingOverflow(lifetime)
        return overflow ? .never : Timestamp(milliseconds: sum)
    }

    /// Decimal digits. Anything else says nothing; a number with no room in 64 bits is one that never comes.
    private static func lifetime(_ text: RawSpan) -> Int64? {
        guard text.byteCount > 0 else { return nil }
        var value: Int64 = 0
        for index in 0..<text.byteCount {
            let digit = text.unsafeLoad(fromByteOffset: index, as: UInt8.self) &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carries) = tens.addingReportingOverflow(Int64(digit))
            value = overflow || carries ? .max : sum
        }
        return value
    }
}

extension Timestamp {
    /// Of what does not expire.
    package static let never = Timestamp(milliseconds: .max)
}
