import Foundation
import NIOCore
import TestSupport
import Testing

@testable import KafkaProtocol

/// What consumers tell each other, as kafka-python encodes it.
private struct DataVector: CustomTestStringConvertible, Sendable {
    var type: any ConsumerProtocolData.Type
    var version: Int16
    var variant: String
    var bytes: [UInt8]
    var fields: [String: String] = [:]

    var testDescription: String { "\(type) version \(version), \(variant)" }

    static let types: [any ConsumerProtocolData.Type] = [
        ConsumerProtocolSubscription.self, ConsumerProtocolAssignment.self,
    ]

    static let all: [DataVector] = types.flatMap { type in
        do {
            return try read(type)
        } catch {
            Issue.record("\(type): \(error)")
            return []
        }
    }

    private static func read(_ type: any ConsumerProtocolData.Type) throws -> [DataVector] {
        var vectors: [DataVector] = []
        for line in try Vectors.lines(of: "\(type).txt") {
            if let equals = line.range(of: " = ") {
                vectors[vectors.count - 1].fields[String(line[..<equals.lowerBound])] =
                    String(line[equals.upperBound...])
            } else {
                let words = line.split(separator: " ")
                try #require(words.count == 4, "\(line)")
                vectors.append(
                    DataVector(
                        type: type, version: try #require(Int16(words[1])), variant: String(words[2]),
                        bytes: try Vectors.bytes(hexadecimal: words[3])))
            }
        }
        return vectors
    }
}

@Suite("What consumers tell each other through their coordinator", .timeLimit(.minutes(10)))
struct ConsumerProtocolTests {
    @Test("every version has its vectors")
    func complete() {
        let expected = (0...ConsumerProtocolSubscription.newestVersion).flatMap { ["\($0) full", "\($0) sparse"] }
        for type in DataVector.types {
            #expect(DataVector.all.filter { $0.type == type }.map { "\($0.version) \($0.variant)" } == expected)
        }
    }

    @Test("each field is read where kafka-python wrote it, and written byte for byte", arguments: DataVector.all)
    fileprivate func golden(vector: DataVector) throws {
        let data = try vector.type.init(reading: ByteBuffer(bytes: vector.bytes))
        let fields = writtenFields(of: data)
        for (path, value) in vector.fields { #expect(fields[path] == value, "\(path)") }
        #expect(Array(try data.encoded(version: vector.version).readableBytesView) == vector.bytes)
    }

    @Test("a version above those known is read as the newest, and what it has more is passed over")
    func newerVersion() throws {
        let newest = ConsumerProtocolSubscription.newestVersion
        for vector in DataVector.all where vector.version == newest {
            var bytes = vector.bytes
            bytes.replaceSubrange(0..<2, with: [0x7f, 0xff])
            bytes += [1, 2, 3]
            let data = try vector.type.init(reading: ByteBuffer(bytes: bytes))
            #expect(Array(try data.encoded().readableBytesView) == vector.bytes)
        }
    }

    @Test("a version below 0 is an error")
    func negativeVersion() {
        for type in DataVector.types {
            #expect(throws: ProtocolError.unsupportedDataVersion(-1)) {
                try type.init(reading: ByteBuffer(bytes: [0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]))
            }
        }
    }

    @Test("data cut at any byte is an error", arguments: DataVector.all)
    fileprivate func truncated(vector: DataVector) {
        for count in 0..<vector.bytes.count {
            #expect(throws: ProtocolError.self, "\(count) of \(vector.bytes.count) bytes") {
                try vector.type.init(reading: ByteBuffer(bytes: vector.bytes.prefix(count)))
            }
        }
    }

    @Test("damage is an error or other data, which comes back as it is", arguments: DataVector.all)
    fileprivate func damaged(vector: DataVector) throws {
        func check<D: ConsumerProtocolData>(_ type: D.Type, _ bytes: [UInt8]) throws {
            guard let data = try? D(reading: ByteBuffer(bytes: bytes)) else { return }
            // In the newest version, which has all fields.
            #expect(try D(reading: data.encoded()) == data, "\(bytes)")
        }
        var chance = SeededRandom(seed: UInt64(vector.bytes.count) << 8 | UInt64(vector.version))
        for _ in 0..<500 {
            var bytes = vector.bytes
            damage(&bytes, by: &chance)
            try check(vector.type, bytes)
        }
    }
}
