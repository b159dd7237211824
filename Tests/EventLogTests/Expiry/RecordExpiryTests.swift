import TestSupport
import Testing

@testable import EventLog

@Suite("When a record expires")
struct RecordExpiryTests {
    private func expiry(_ record: Record, _ pairs: [String: String]) throws -> Int64? {
        var builder = RecordBatchBuilder(compression: .none)
        builder.append(record, defaultTimestamp: .none)
        try builder.finish()
        let rule = try RecordExpiry(settings(pairs))
        return try builder.withUnsafeBytes { bytes in
            var scratch = DecompressionBuffer()
            var cursor = try RecordCursor(try RecordBatchView(validating: bytes.bytes), into: &scratch)
            var found: Int64?
            try cursor.scan { view in
                found = rule?.expiry(of: view).milliseconds
                return true
            }
            return found
        }
    }

    private func record(at time: Int64, ttl: String?...) -> Record {
        let headers =
            [RecordHeader(name: "martlet-ttl", value: Array("1".utf8))]
            + ttl.map { RecordHeader(name: "martlet-ttl-ms", value: $0.map { Array($0.utf8) }) }
            + [RecordHeader(name: "other-ttl-ms", value: Array("2".utf8))]
        return Record(value: "v", headers: headers, timestamp: Timestamp(milliseconds: time))
    }

    private let both = ["record.ttl.ms": "500", "record.ttl.headers": "true"]
    private let never = Timestamp.never.milliseconds

    @Test("a topic that sets neither has no rule, and nothing expires")
    func none() throws {
        #expect(try RecordExpiry(settings([:])) == nil)
        #expect(try RecordExpiry(settings(["record.ttl.ms": "-1", "record.ttl.headers": "false"])) == nil)
    }

    @Test("record.ttl.ms counts from the record's timestamp on, and the header only where the topic reads it")
    func byTopic() throws {
        #expect(try expiry(record(at: 1000), ["record.ttl.ms": "500"]) == 1500)
        #expect(try expiry(record(at: 1000, ttl: "7"), ["record.ttl.ms": "500"]) == 1500)
        #expect(try expiry(record(at: 1000), ["record.ttl.ms": "0"]) == 1000)
    }

    @Test("the header comes before record.ttl.ms, also where it says more; of several the last counts")
    func byHeader() throws {
        #expect(try expiry(record(at: 1000, ttl: "7"), both) == 1007)
        #expect(try expiry(record(at: 1000, ttl: "0"), both) == 1000)
        #expect(try expiry(record(at: 1000, ttl: "7000"), both) == 8000)
        #expect(try expiry(record(at: 1000, ttl: "007"), both) == 1007)
        #expect(try expiry(record(at: 1000, ttl: "7", "9"), both) == 1009)
        #expect(try expiry(record(at: 1000, ttl: "7"), ["record.ttl.headers": "true"]) == 1007)
        #expect(try expiry(record(at: 1000), ["record.ttl.headers": "true"]) == never)
    }

    @Test(
        "a header that is no number says nothing",
        arguments: ["", "-1", "+5", " 5", "5 ", "5.0", "0x5", "five", "٥", nil])
    func badHeader(text: String?) throws {
        #expect(try expiry(record(at: 1000, ttl: text), both) == 1500)
        #expect(try expiry(record(at: 1000, ttl: text), ["record.ttl.headers": "true"]) == never)
    }

    @Test("a time that has no room in 64 bits never comes")
    func large() throws {
        #expect(try expiry(record(at: 1000, ttl: "9223372036854775807"), both) == never)
        #expect(try expiry(record(at: 1000, ttl: "9223372036854775808"), both) == never)
        #expect(try expiry(record(at: 1000, ttl: String(repeating: "9", count: 400)), both) == never)
        #expect(try expiry(record(at: 1000, ttl: "9223372036854774807"), both) == never)
        #expect(try expiry(record(at: 1000, ttl: "9223372036854774806"), both) == never - 1)
        #expect(try expiry(record(at: .max), both) == never)
    }

    @Test("a record without a timestamp never expires", arguments: [-1, -2, Int64.min])
    func noTimestamp(time: Int64) throws {
        #expect(try expiry(record(at: time, ttl: "5"), both) == never)
    }
}
