import Foundation
import TestSupport
import Testing

@testable import RecordFormat

@Suite("Batches as real clients write them")
struct GoldenBatchTests {
    @Test("every case has a batch of each client")
    func complete() {
        let cases = [
            "empty-key", "empty-value", "gzip", "headers-lz4", "headers", "idempotent", "lz4", "many-lz4", "many",
            "mixed", "null-both", "null-key", "null-value", "one-record", "plain", "sizes", "snappy", "zstd",
        ]
        for client in ["kafka-python", "librdkafka"] {
            #expect(
                BatchVectors.all.filter { $0.expected.client == client && !$0.isTransactional }.map(\.name) == cases)
        }
        #expect(BatchVectors.all.filter(\.isTransactional).map(\.name) == ["transactional"])
        #expect(BatchVectors.all.map(\.records.count).max() == 1200)
    }

    @Test("each field of the header is read where the format has it", arguments: BatchVectors.all)
    func headers(vector: BatchVector) throws {
        let expected = vector.expected
        let header = try header(of: vector.bytes)
        #expect(header.sizeInBytes == vector.bytes.count)
        #expect(header.sizeInBytes == expected.sizeInBytes)
        #expect(header.baseOffset == Offset(expected.baseOffset))
        #expect(header.partitionLeaderEpoch == 0)
        #expect(header.crc == expected.crc)
        #expect(header.attributes.rawValue == expected.attributes)
        #expect(header.attributes.isTransactional == vector.isTransactional)
        #expect(!header.attributes.isControl && !header.attributes.usesLogAppendTime)
        #expect(header.lastOffsetDelta == expected.lastOffsetDelta)
        #expect(header.lastOffset == vector.records.last?.offset)
        #expect(header.baseTimestamp.milliseconds == expected.baseTimestamp)
        #expect(header.maxTimestamp.milliseconds == expected.maxTimestamp)
        #expect(header.producerID == expected.producerID)
        #expect(header.producerEpoch == expected.producerEpoch)
        #expect(header.baseSequence == expected.baseSequence)
        #expect(header.recordCount == expected.recordCount)
    }

    @Test("what a client sends passes the checks of a producer's batch", arguments: BatchVectors.all)
    func accepted(vector: BatchVector) throws {
        try validate(vector.bytes)
    }

    @Test("each record is what the client was given", arguments: BatchVectors.readable)
    func records(vector: BatchVector) throws {
        #expect(try decode(vector.bytes).records == vector.records)
    }

    @Test(
        "records of other codecs are refused by the codec's name",
        arguments: BatchVectors.all.filter { [.gzip, .snappy, .zstd].contains($0.compression) })
    func otherCodecs(vector: BatchVector) throws {
        let codec = try #require(vector.compression)
        let error = #expect(throws: BatchError.unsupportedCompression(codec.rawValue)) { try decode(vector.bytes) }
        #expect(error?.description.contains("compressed by \(vector.name) are not decoded") == true)
    }

    @Test(
        "the builder writes the same bytes for the same records",
        arguments: BatchVectors.uncompressed.filter { !$0.isTransactional })
    func sameBytes(vector: BatchVector) throws {
        #expect(try ours(vector) == vector.bytes)
    }

    @Test("what the builder compresses holds the same records", arguments: BatchVectors.readable)
    func sameRecords(vector: BatchVector) throws {
        let bytes = try ours(vector, .lz4)
        let decoded = try decode(bytes)
        #expect(decoded.records == vector.records)
        if vector.compression == .lz4 {
            #expect(decoded.header.compression == .lz4)
            // Blocks of 64 KB as theirs, so of about the same size.
            #expect(Double(bytes.count) < Double(vector.bytes.count) * 1.05)
        }
        try validate(bytes)
    }

    @Test("an uncompressed batch of a client is compressed to the same records", arguments: BatchVectors.uncompressed)
    func compressed(vector: BatchVector) throws {
        var compressor = BatchCompressor()
        guard compressor.compress(try RecordBatchView(validating: vector.bytes.span.bytes)) else {
            // Only what has nothing to repeat: the batches with much in them get smaller.
            #expect(vector.bytes.count < 500)
            return
        }
        let decoded = try decode(compressor.withUnsafeBytes { Array($0) })
        #expect(decoded.records == vector.records)
        #expect(decoded.header.attributes.rawValue == vector.expected.attributes | 3)
        #expect(decoded.header.producerID == vector.expected.producerID)
        #expect(decoded.header.producerEpoch == vector.expected.producerEpoch)
        #expect(decoded.header.baseSequence == vector.expected.baseSequence)
    }

    /// The batch that our builder makes of the vector's records.
    private func ours(_ vector: BatchVector, _ compression: Compression = .none) throws -> [UInt8] {
        let expected = vector.expected
        return try build(
            vector.records.map(\.record), compression, leaderEpoch: 0,
            producer: expected.producerID < 0
                ? nil : (expected.producerID, expected.producerEpoch, expected.baseSequence))
    }

    @Test(
        "kafka-python reads what the builder writes",
        .enabled(if: KafkaPython.interpreter != nil, "\(KafkaPython.missing)"))
    func readByKafkaPython() throws {
        let folder = TemporaryDirectory()
        for vector in BatchVectors.readable where vector.expected.client == "kafka-python" {
            let batch = try ours(vector, vector.compression ?? .none)
            try folder.write(batch, to: "\(vector.name).batch")
            var appended = batch
            appended.withUnsafeMutableBytes {
                RecordBatchPatch.setLogAppendTime($0, Timestamp(milliseconds: 1_800_000_000_000))
            }
            try folder.write(appended, to: "\(vector.name).appended.batch")
        }
        let script = vectorFolder.appending(path: "batches/check_ours.py").path
        let (status, output) = try KafkaPython.run([script, folder.path])
        #expect(status == 0, "\(output)")
        #expect(output.contains("kafka-python reads 16 batches, and 16 with the time of the append"), "\(output)")
    }
}
