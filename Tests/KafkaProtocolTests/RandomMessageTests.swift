import Foundation
import NIOCore
import TestSupport
import Testing

@testable import KafkaProtocol

/// Messages of random values. `MARTLET_SEED` says which, where a failure is to be seen again.
@Suite("Messages of random values")
struct RandomMessageTests {
    private static let seed: UInt64 = {
        let named = ProcessInfo.processInfo.environment["MARTLET_SEED"].flatMap { UInt64($0) }
        let seed = named ?? UInt64.random(in: 0..<1_000_000_000)
        print("Random messages from MARTLET_SEED=\(seed)")
        return seed
    }()

    /// Calls `body` with messages of every version.
    private func forEachVersion<M: Message>(
        _ type: M.Type, count: Int, _ body: (M, Int16, inout SeededRandom) throws -> Void
    ) throws {
        var chance = SeededRandom(seed: Self.seed ^ UInt64(M.apiKey.rawValue) << 32)
        for version in M.versions {
            for _ in 0..<count { try body(RandomCoder.message(M.self, version: version, &chance), version, &chance) }
        }
    }

    @Test("what is written is read as it was, in every version", arguments: Vectors.messages.indices)
    func roundTrip(index: Int) throws {
        func check<M: Message>(_ type: M.Type) throws {
            try forEachVersion(M.self, count: 20) { message, version, _ in
                let bytes = try encode(message, version: version)
                let read = try M(reading: ByteBuffer(bytes: bytes), version: version)
                #expect(read == message, "\(M.self) \(version), seed \(Self.seed)")
                // Equal strings may have other bytes.
                #expect(try encode(read, version: version) == bytes, "\(M.self) \(version), seed \(Self.seed)")
            }
        }
        try check(Vectors.messages[index])
    }

    @Test("damage is an error or another message, which comes back as it is", arguments: Vectors.messages.indices)
    func damaged(index: Int) throws {
        func check<M: Message>(_ type: M.Type) throws {
            try forEachVersion(M.self, count: 20) { message, version, chance in
                var bytes = try encode(message, version: version)
                damage(&bytes, by: &chance)
                guard let read = try? M(reading: ByteBuffer(bytes: bytes), version: version) else { return }
                let written = try encode(read, version: version)
                #expect(
                    try M(reading: ByteBuffer(bytes: written), version: version) == read,
                    "\(M.self) \(version), seed \(Self.seed)")
            }
        }
        try check(Vectors.messages[index])
    }

    @Test("tagged fields of later schemas are skipped whole, in every struct", arguments: Vectors.messages.indices)
    func unknownTags(index: Int) throws {
        func check<M: Message>(_ type: M.Type) throws {
            try forEachVersion(M.self, count: 5) { message, version, chance in
                guard version >= M.firstFlexibleVersion else { return }
                var writer = FutureWriter(version: version, isFlexible: true, chance: chance)
                var written = message
                try written.code(&writer)
                #expect(writer.unknownCount > 0)
                #expect(
                    try M(reading: writer.buffer, version: version) == message,
                    "\(M.self) \(version), seed \(Self.seed)")
            }
        }
        try check(Vectors.messages[index])
    }
}

// MARK: Against kafka-python

/// A frame as Tests/Vectors/protocol/random_messages.py writes and reads it.
private struct Exchanged: Codable {
    var api: String
    var direction: String
    var version: Int16
    var frame: String
    var correlationID: Int32?
    var clientID: String?
    var bodyLength: Int?
    var fields: [String: String]?

    var name: String { "\(api) \(direction) \(version)" }
}

extension RandomMessageTests {
    /// Per version and direction.
    private static let exchangedCount = 8
    private static let script = Vectors.folder.appending(path: "random_messages.py").path

    @Test(
        "what kafka-python writes is read field by field and written byte for byte",
        .enabled(if: KafkaPython.interpreter != nil, "\(KafkaPython.missing)"))
    func fromKafkaPython() throws {
        let folder = TemporaryDirectory()
        let apis = Vectors.requests.map { ($0.apiKey.name, [$0.versions.lowerBound, $0.versions.upperBound]) }
        try write(Dictionary(uniqueKeysWithValues: apis), to: "apis.json", in: folder)
        try run("make", folder.path, "\(Self.seed)", "\(Self.exchangedCount)")

        let made: [Exchanged] = try read("made.json", in: folder)
        #expect(made.count == Self.exchangedCount * Vectors.messages.reduce(0) { $0 + $1.versions.count })
        var failures: [String] = []
        for message in made {
            let bytes = try Vectors.bytes(hexadecimal: message.frame[...])
            do {
                let differences = try Self.type(of: message).differences(from: message, frame: bytes)
                if !differences.isEmpty { failures.append("\(message.name): \(differences.joined(separator: "; "))") }
            } catch {
                failures.append("\(message.name): \(error)")
            }
        }
        #expect(failures.isEmpty, "seed \(Self.seed):\n\(failures.prefix(10).joined(separator: "\n"))")
    }

    @Test(
        "kafka-python reads what we write field by field, and writes it byte for byte",
        .enabled(if: KafkaPython.interpreter != nil, "\(KafkaPython.missing)"))
    func byKafkaPython() throws {
        let folder = TemporaryDirectory()
        var ours: [Exchanged] = []
        for type in Vectors.messages {
            func add<M: Message>(_ type: M.Type) throws {
                try forEachVersion(M.self, count: Self.exchangedCount) { message, version, chance in
                    ours.append(try message.exchanged(version: version, &chance))
                }
            }
            try add(type)
        }
        try write(ours, to: "ours.json", in: folder)
        try run("read", folder.path)

        let read: [Exchanged] = try read("read.json", in: folder)
        try #require(read.count == ours.count)
        var failures: [String] = []
        for (ours, theirs) in zip(ours, read) {
            var differences = differences(of: ours.fields ?? [:], from: theirs.fields ?? [:])
            if theirs.frame != ours.frame { differences.append("other bytes") }
            if theirs.correlationID != ours.correlationID { differences.append("another correlation id") }
            if theirs.clientID != ours.clientID { differences.append("another client id") }
            if !differences.isEmpty { failures.append("\(ours.name): \(differences.joined(separator: "; "))") }
        }
        #expect(failures.isEmpty, "seed \(Self.seed):\n\(failures.prefix(10).joined(separator: "\n"))")
    }

    private func run(_ arguments: String...) throws {
        let arguments = [Self.script] + arguments
        let (status, output) = try KafkaPython.run(arguments)
        try #require(status == 0, "seed \(Self.seed): \(output)")
    }

    private func write(_ value: some Encodable, to file: String, in folder: TemporaryDirectory) throws {
        try folder.write(Array(JSONEncoder().encode(value)), to: file)
    }

    private func read<Value: Decodable>(_ file: String, in folder: TemporaryDirectory) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(folder.contents(of: file)))
    }

    private static func type(of message: Exchanged) throws -> any Message.Type {
        let type = Vectors.messages.first {
            $0.apiKey.name == message.api && ($0 is any RequestMessage.Type) == (message.direction == "request")
        }
        return try #require(type, "\(message.name)")
    }
}

/// Where fields of ours are not as kafka-python has them. It names those alone that the version has.
private func differences(of ours: [String: String], from theirs: [String: String]) -> [String] {
    theirs.sorted { $0.key < $1.key }.filter { ours[$0.key] != $0.value }
        .map { "\($0.key) is \(ours[$0.key] ?? "missing"), not \($0.value)" }
}

extension Message {
    /// What a message of kafka-python's is that ours, read from the same bytes, is not.
    fileprivate static func differences(from theirs: Exchanged, frame bytes: [UInt8]) throws -> [String] {
        let bodyLength = try #require(theirs.bodyLength)
        let body = ByteBuffer(bytes: bytes.suffix(bodyLength))
        let message = try Self(reading: body, version: theirs.version)
        var found = KafkaProtocolTests.differences(of: writtenFields(of: message), from: theirs.fields ?? [:])
        if try encode(message, version: theirs.version) != bytes.suffix(bodyLength) { found.append("another body") }

        let correlationID = try #require(theirs.correlationID)
        let frame = try message.frame(
            version: theirs.version, correlationID: correlationID, clientID: theirs.clientID)
        if frame != bytes { found.append("another frame") }
        if Self.self is any RequestMessage.Type, SupportedVersions.contains(apiKey.rawValue, version: theirs.version) {
            var rest = ByteBuffer(bytes: bytes.dropFirst(Frame.lengthPrefix))
            let header = try RequestHeader(reading: &rest)
            let expected = RequestHeader(
                apiKey: apiKey, apiVersion: theirs.version, correlationID: correlationID, clientID: theirs.clientID)
            if header != expected || rest != body { found.append("another header") }
        }
        return found
    }

    fileprivate func exchanged(version: Int16, _ chance: inout SeededRandom) throws -> Exchanged {
        let isRequest = self is any RequestMessage
        let correlationID = Int32.random(in: .min ... .max, using: &chance)
        let client = [nil, "", "me", "ä€🦜"].randomElement(using: &chance) ?? nil
        let bytes = try frame(version: version, correlationID: correlationID, clientID: client)
        return Exchanged(
            api: Self.apiKey.name, direction: isRequest ? "request" : "response", version: version,
            frame: hexadecimal(ByteBuffer(bytes: bytes)), correlationID: correlationID,
            clientID: isRequest ? client : nil, fields: writtenFields(of: self))
    }

    private func frame(version: Int16, correlationID: Int32, clientID: String?) throws -> [UInt8] {
        var buffer = ByteBuffer()
        func append<Request: RequestMessage>(_ request: Request) throws {
            try Frame.append(
                request: request, version: version, correlationID: correlationID, clientID: clientID, to: &buffer)
        }
        if let request = self as? any RequestMessage {
            try append(request)
        } else {
            try Frame.append(self, version: version, correlationID: correlationID, to: &buffer)
        }
        return Array(buffer.readableBytesView)
    }
}
