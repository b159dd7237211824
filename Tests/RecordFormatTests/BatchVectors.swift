import Foundation
import RecordFormat
import Testing

/// A batch as a real client wrote it, and what that client was given: see Tests/Vectors/batches/make_batches.py.
struct BatchVector: CustomTestStringConvertible, Sendable {
    var expected: ExpectedHeader
    var name: String
    var bytes: [UInt8]
    var records: [StoredRecord]

    var testDescription: String { "\(expected.client) \(name)" }
    var compression: Compression? { Compression(rawValue: UInt8(expected.attributes & 0b111)) }
    /// In the attributes; the builder does not write such batches.
    var isTransactional: Bool { expected.attributes & 0x10 != 0 }

    struct ExpectedHeader: Decodable, Sendable {
        var client: String
        var version: String
        var baseOffset: Int64
        var sizeInBytes: Int
        var crc: UInt32
        var attributes: UInt16
        var lastOffsetDelta: Int32
        var baseTimestamp: Int64
        var maxTimestamp: Int64
        var recordCount: Int32
        var producerID: Int64
        var producerEpoch: Int16
        var baseSequence: Int32
    }
}

enum BatchVectors {
    static let all: [BatchVector] = {
        do { return try read() } catch {
            Issue.record("Tests/Vectors/batches: \(error)")
            return []
        }
    }()
    /// Those that are decoded here.
    static let readable = all.filter { $0.compression == Compression.none || $0.compression == .lz4 }
    static let uncompressed = all.filter { $0.compression == Compression.none }
    /// Small ones, for tests that go over every byte.
    static let small = readable.filter { $0.bytes.count < 1000 }

    private static func read() throws -> [BatchVector] {
        let folder = vectorFolder.appending(path: "batches")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".jsonl") }
        return try files.sorted().flatMap { file in
            let name = String(file.dropLast(".jsonl".count))
            let lines = try String(contentsOf: folder.appending(path: file), encoding: .utf8).split(separator: "\n")
            let headers = lines.prefix { $0.hasPrefix("{\"client\"") }
            let records = try lines.dropFirst(headers.count).map {
                try JSONDecoder().decode(ExpectedRecord.self, from: Data($0.utf8)).stored
            }
            return try headers.map {
                let header = try JSONDecoder().decode(BatchVector.ExpectedHeader.self, from: Data($0.utf8))
                let bytes = try Data(contentsOf: folder.appending(path: "\(header.client)-\(name).batch"))
                return BatchVector(expected: header, name: name, bytes: Array(bytes), records: records)
            }
        }
    }
}

private struct ExpectedRecord: Decodable {
    var offset: Int64
    var timestamp: Int64
    var key: Bytes?
    var value: Bytes?
    var headers: [Header]

    struct Header: Decodable {
        var name: String
        var value: Bytes?
    }

    /// Text, or `{"hex": "…"}`.
    struct Bytes: Decodable {
        var bytes: [UInt8]

        init(from decoder: any Decoder) throws {
            if let text = try? decoder.singleValueContainer().decode(String.self) {
                bytes = Array(text.utf8)
            } else {
                bytes = try hexadecimalBytes(decoder.singleValueContainer().decode([String: String].self)["hex"] ?? "?")
            }
        }
    }

    var stored: StoredRecord {
        StoredRecord(
            offset: Offset(offset), timestamp: Timestamp(milliseconds: timestamp), key: key?.bytes, value: value?.bytes,
            headers: headers.map { RecordHeader(name: $0.name, value: $0.value?.bytes) })
    }
}

func hexadecimalBytes(_ text: String) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = Substring(text)
    while !rest.isEmpty {
        bytes.append(try #require(UInt8(rest.prefix(2), radix: 16)))
        rest = rest.dropFirst(2)
    }
    return bytes
}
