import Fleet
import NIOCore
import RecordFormat
import Testing

@testable import LoadGenerator

@Suite("The records of a load")
struct BatchEncoderTests {
    private func decode(_ batch: BatchEncoder.Batch) throws -> [StoredRecord] {
        var records: [StoredRecord] = []
        var scratch = DecompressionBuffer()
        try batch.bytes.withUnsafeReadableBytes { bytes in
            let view = try RecordBatchView(validating: RawSpan(_unsafeBytes: bytes))
            var cursor = try RecordCursor(view, into: &scratch)
            while let record = try cursor.next() { records.append(record.makeStoredRecord()) }
        }
        return records
    }

    @Test("values have the size that was asked for, and follow each other", arguments: [1, 100, 117, 4096, 1 << 20])
    func sizes(size: Int) throws {
        let payloads = Payloads(telemetry: Fleet(), recordBytes: size)
        #expect(payloads.count >= 4 && payloads.averageBytes == size)
        let encoder = BatchEncoder(payloads, .none, bytesMax: 3 * size + 200)
        let records = try decode(try encoder.next(countMax: 3, timestamp: 5))
        #expect(records.count == 3 && records.allSatisfy { $0.value?.count == size && $0.timestamp.milliseconds == 5 })
        #expect(size == 1 || records[0].value != records[1].value)
    }

    @Test("telemetry is lines of JSON, as a fleet makes them")
    func telemetry() throws {
        let encoder = BatchEncoder(Payloads(telemetry: Fleet(), recordBytes: nil), .lz4, bytesMax: 1 << 16)
        let batch = try encoder.next(countMax: .max, timestamp: 0)
        let records = try decode(batch)
        #expect(records.count == batch.records && records.count > 100)
        #expect(records[0].valueText?.hasPrefix("{\"device\":\"device-000000\",\"seq\":1,") == true)
        #expect(records.reduce(0) { $0 + ($1.value?.count ?? 0) } == batch.payloadBytes)
    }

    @Test("a batch is no larger than it may be, but has one record at least", arguments: [100, 1000, 5000, 100_000])
    func bound(bytesMax: Int) throws {
        let encoder = BatchEncoder(Payloads(telemetry: Fleet(), recordBytes: 1000), .none, bytesMax: bytesMax)
        let batch = try encoder.next(countMax: .max, timestamp: 0)
        #expect(batch.records == 1 || batch.bytes.readableBytes <= bytesMax)
        #expect(batch.records >= encoder.fullCount - 1 && batch.records >= 1)
    }

    @Test("a marked record says its run and its number; others are none of it")
    func marks() throws {
        let encoder = BatchEncoder(Payloads(telemetry: Fleet(), recordBytes: 50), .none, bytesMax: 1 << 16)
        let batch = try encoder.next(countMax: 5, timestamp: 0, mark: { RecordMark(run: 9, number: 100 + 3 * $0) })
        let marks = try decode(batch).map { record in record.key.flatMap { RecordMark($0.span.bytes) } }
        #expect(marks == [100, 103, 106, 109, 112].map { RecordMark(run: 9, number: $0) })
        #expect(RecordMark([UInt8](repeating: 0, count: 15).span.bytes) == nil)
        #expect(try decode(try encoder.next(countMax: 1, timestamp: 0))[0].key == nil)
    }

    @Test("lines are used one after the other, and again from the first")
    func lines() throws {
        var payloads = Payloads()
        for line in ["one", "", "three"] {
            let isTaken = Array(line.utf8).withUnsafeBytes { payloads.append($0, bytesMax: 8) }
            #expect(isTaken)
        }
        let isTaken = [UInt8(1)].withUnsafeBytes { payloads.append($0, bytesMax: 8) }
        #expect(!isTaken)
        let encoder = BatchEncoder(payloads, .none, bytesMax: 1 << 16)
        #expect(
            try decode(try encoder.next(countMax: 4, timestamp: 0)).map(\.valueText) == ["one", "", "three", "one"])
    }
}
