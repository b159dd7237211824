import Foundation
import NIOCore
import Testing

@testable import KafkaProtocol

/// A message as kafka-python encodes it, and what it put into each field: see Tests/Vectors/protocol/make_vectors.py.
struct Vector: CustomTestStringConvertible, Sendable {
    var message: any Message.Type
    var version: Int16
    var variant: String
    var bytes: [UInt8]
    /// Written values by path: `topics[0].name` to `"readings"`.
    var fields: [String: String] = [:]

    var testDescription: String { "\(message) version \(version), \(variant)" }
    var body: ByteBuffer { ByteBuffer(bytes: bytes) }
    var isRequest: Bool { message is any RequestMessage.Type }
}

enum Vectors {
    static let requests: [any RequestMessage.Type] = [
        ProduceRequest.self, FetchRequest.self, ListOffsetsRequest.self, MetadataRequest.self,
        FindCoordinatorRequest.self, ApiVersionsRequest.self, CreateTopicsRequest.self, DeleteTopicsRequest.self,
        DeleteRecordsRequest.self, InitProducerIDRequest.self, OffsetForLeaderEpochRequest.self,
        DescribeConfigsRequest.self, AlterConfigsRequest.self, DescribeLogDirsRequest.self,
        CreatePartitionsRequest.self, ElectLeadersRequest.self, IncrementalAlterConfigsRequest.self,
        ListPartitionReassignmentsRequest.self, DescribeClusterRequest.self, DescribeProducersRequest.self,
        DescribeTopicPartitionsRequest.self, JoinGroupRequest.self, SyncGroupRequest.self, HeartbeatRequest.self,
        LeaveGroupRequest.self, OffsetCommitRequest.self, OffsetFetchRequest.self, DescribeGroupsRequest.self,
        ListGroupsRequest.self, DeleteGroupsRequest.self, OffsetDeleteRequest.self,
        ConsumerGroupHeartbeatRequest.self, ConsumerGroupDescribeRequest.self, AlterGroupOffsetsRequest.self,
        DescribePositionsRequest.self, DescribeSegmentsRequest.self,
    ]
    static let messages: [any Message.Type] = requests + requests.map { response(of: $0) }

    static let all: [Vector] = requests.flatMap { request in
        do {
            return try read("\(request.apiKey.name).txt", requests: request, responses: response(of: request))
        } catch {
            Issue.record("\(request.apiKey.name).txt: \(error)")
            return []
        }
    }

    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Vectors/protocol")

    static func lines(of file: String) throws -> [Substring] {
        let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
        return text.split(separator: "\n").filter { !$0.hasPrefix("#") }
    }

    private static func response<Request: RequestMessage>(of request: Request.Type) -> any Message.Type {
        Request.Response.self
    }

    private static func read(
        _ file: String, requests: any Message.Type, responses: any Message.Type
    ) throws -> [Vector] {
        var vectors: [Vector] = []
        for line in try lines(of: file) {
            if let equals = line.range(of: " = ") {
                vectors[vectors.count - 1].fields[String(line[..<equals.lowerBound])] =
                    String(line[equals.upperBound...])
            } else {
                let words = line.split(separator: " ", omittingEmptySubsequences: false)
                try #require(words.count == 4, "\(line)")
                vectors.append(
                    Vector(
                        message: words[0] == "request" ? requests : responses,
                        version: try #require(Int16(words[1])), variant: String(words[2]),
                        bytes: try bytes(hexadecimal: words[3])))
            }
        }
        return vectors
    }

    static func bytes(hexadecimal text: Substring) throws -> [UInt8] {
        let digits = Array(text.utf8)
        try #require(digits.count.isMultiple(of: 2), "\(text)")
        return try stride(from: 0, to: digits.count, by: 2).map {
            try #require(UInt8(String(decoding: digits[$0...($0 + 1)], as: UTF8.self), radix: 16))
        }
    }
}

/// The fields of a message as a vector writes them.
func writtenFields(of message: Any) -> [String: String] {
    var fields: [String: String] = [:]
    func walk(_ value: Any, _ path: String) {
        switch value {
        case let number as any BinaryInteger: fields[path] = "\(number)"
        case let flag as Bool: fields[path] = flag ? "true" : "false"
        case let text as String: fields[path] = "\"\(text)\""
        case let id as UUIDBytes:
            fields[path] = hexadecimal(ByteBuffer(integer: id.high)) + hexadecimal(ByteBuffer(integer: id.low))
        case let bytes as ByteBuffer: fields[path] = hexadecimal(bytes)
        case FetchRecords.buffer(let bytes): fields[path] = hexadecimal(bytes)
        case FetchRecords.none: fields[path] = "null"
        case let code as any RawRepresentable: walk(code.rawValue, path)
        default:
            let mirror = Mirror(reflecting: value)
            switch mirror.displayStyle {
            case .optional:
                if let content = mirror.children.first { walk(content.value, path) } else { fields[path] = "null" }
            case .collection:
                if mirror.children.isEmpty { fields[path] = "[]" }
                for (index, element) in mirror.children.enumerated() { walk(element.value, "\(path)[\(index)]") }
            default:
                for child in mirror.children {
                    let name = (child.label ?? "?").lowercased()
                    walk(child.value, path.isEmpty ? name : "\(path).\(name)")
                }
            }
        }
    }
    walk(message, "")
    return fields
}

func hexadecimal(_ buffer: ByteBuffer) -> String {
    buffer.readableBytesView.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// A message's body on its own.
func encode<M: Message>(_ message: M, version: Int16) throws(ProtocolError) -> [UInt8] {
    var writer = ProtocolWriter(version: version, isFlexible: version >= M.firstFlexibleVersion)
    var message = message
    try message.code(&writer)
    return Array(writer.buffer.readableBytesView)
}
