import NIOCore
import Testing

@testable import KafkaProtocol

@Suite("Messages as kafka-python encodes them")
struct GoldenVectorTests {
    @Test("every version of every message has its vectors")
    func complete() {
        for message in Vectors.messages {
            let versions = Vectors.all.filter { $0.message == message }.map { "\($0.version) \($0.variant)" }
            #expect(versions == message.versions.flatMap { ["\($0) full", "\($0) sparse"] }, "\(message)")
        }
    }

    @Test("each field is read where the protocol has it", arguments: Vectors.all)
    func read(vector: Vector) throws {
        let message = try vector.message.init(reading: vector.body, version: vector.version)
        let fields = writtenFields(of: message)
        for (path, value) in vector.fields {
            #expect(fields[path] == value, "\(path)")
        }
    }

    @Test("what was read is written byte for byte", arguments: Vectors.all)
    func write(vector: Vector) throws {
        let message = try vector.message.init(reading: vector.body, version: vector.version)
        #expect(try encode(message, version: vector.version) == vector.bytes)
    }

    @Test("the defaults of every message come back from every version", arguments: Vectors.messages.indices)
    func defaults(index: Int) throws {
        func roundTrip<M: Message>(_ type: M.Type) throws {
            for version in M.versions {
                let bytes = try encode(M(), version: version)
                #expect(try M(reading: ByteBuffer(bytes: bytes), version: version) == M(), "version \(version)")
            }
        }
        try roundTrip(Vectors.messages[index])
    }

    @Test("error codes have Kafka's names")
    func errorCodes() throws {
        let lines = try Vectors.lines(of: "ErrorCodes.txt")
        #expect(lines.count > 120)
        for line in lines {
            let words = line.split(separator: " ")
            let code = ErrorCode(rawValue: try #require(Int16(words[0])))
            #expect(code.name == words[1])
        }
    }

    @Test("retriable are the codes that may pass, and no others")
    func retriable() {
        for code in [ErrorCode.notLeaderOrFollower, .unknownTopicOrPartition, .requestTimedOut, .kafkaStorageError] {
            #expect(code.isRetriable)
        }
        for code in [ErrorCode.none, .messageTooLarge, .outOfOrderSequenceNumber, .invalidRecord, .offsetOutOfRange] {
            #expect(!code.isRetriable)
        }
        #expect(ErrorCode(rawValue: 4711).name == "ERROR_4711")
        #expect(!ErrorCode(rawValue: .min).isRetriable)
        #expect(ErrorCode.allKnown.map(\.rawValue) == Array(-1...133))
    }
}
