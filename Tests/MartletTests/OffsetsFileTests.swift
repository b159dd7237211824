import KafkaClient
import Testing

@testable import martlet

@Suite("Offsets file", .timeLimit(.minutes(10)))
struct OffsetsFileTests {
    private func file(_ text: String) throws -> OffsetsFile { try OffsetsFile(parsing: Array(text.utf8)) }

    private let example = OffsetsFile(
        group: "analytics", taken: Timestamp(milliseconds: 1_793_527_200_000),
        offsets: [
            TopicPartition(topic: "readings", partition: 10): GroupOffset(offset: 7),
            TopicPartition(topic: "readings", partition: 2): GroupOffset(offset: 998, metadata: "check \"7\",\né\u{1}"),
            TopicPartition(topic: "a.b_c-d", partition: 0): GroupOffset(offset: Offset(Int64.max)),
        ])

    @Test("a file reads as it was written, in order of topics and partitions")
    func roundTrip() throws {
        let text = String(decoding: example.bytes, as: UTF8.self)
        #expect(
            text == """
                # martlet group offsets, version 1
                # group analytics
                # taken 2026-11-01T10:00:00.000Z
                topic,partition,offset,metadata
                a.b_c-d,0,9223372036854775807,
                readings,2,998,"check \\"7\\",\\né\\u0001"
                readings,10,7,

                """)
        #expect(try file(text) == example)
        #expect(try file(text.replacing("\n", with: "\r\n")) == example)
    }

    @Test("the group's id may be any text", arguments: ["two words", "\"", "a\nb", "", "größe", " x"])
    func groups(id: String) throws {
        var file = example
        file.group = id
        #expect(try OffsetsFile(parsing: file.bytes) == file)
    }

    @Test("lines as Kafka's own tool exports them are read")
    func kafka() throws {
        let found = try file("readings,0,12\n\"readings\",1,13\n").offsets
        #expect(found[TopicPartition(topic: "readings", partition: 0)]?.offset == 12)
        #expect(found[TopicPartition(topic: "readings", partition: 1)]?.offset == 13)
    }

    @Test("empty lines and other remarks are passed over")
    func remarks() throws {
        #expect(try file("# mine\n\n  \ntopic,partition,offset\nt,0,1\n# end").offsets.count == 1)
    }

    @Test(
        "a malformed file is refused with the line and what is wrong in it",
        arguments: [
            ("t,0", 1, "topic,partition,offset"), ("t,0,1\nt,x,1", 2, "'x' is no partition"),
            ("t,0,1\n\nt,1,-1", 3, "'-1' is no offset"), ("t,-1,0", 1, "no partition"), ("t,1.5,0", 1, "no partition"),
            ("t,0,9223372036854775808", 1, "no offset"), ("t,2147483648,0", 1, "no partition"), (",0,1", 1, "name"),
            ("t,0,1\nt,0,2", 2, "twice"), ("t,0,1,\"x", 1, "quote"), ("t,0,1,\"\\q\"", 1, "quote"),
            ("# martlet group offsets, version 2\nt,0,1", 1, "version 1"), ("# taken soon\nt,0,1", 1, "no time"),
            ("", 1, "no offsets"), ("# only\n", 2, "no offsets"), ("t,0,", 1, "no offset"),
            ("t, 0,1", 1, "no partition"), ("{\"group\":\"g\",\"partitions\":[]}", 1, "without --json"),
            ("topic,partition,offset\nt,0,1\ntopic,partition,offset", 3, "no partition"),
        ])
    func malformed(text: String, line: Int, reason: String) {
        let error = #expect(throws: OffsetsFile.Malformed.self) { try file(text) }
        #expect(error?.line == line)
        #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "")")
    }

    @Test("bytes that are no text are refused with their line")
    func bytes() {
        let error = #expect(throws: OffsetsFile.Malformed.self) {
            try OffsetsFile(parsing: Array("t,0,1\n".utf8) + [0xff, 0xfe])
        }
        #expect(error?.line == 2)
    }

    @Test("no file makes the reader trap", arguments: 0..<2000)
    func anything(seed: Int) {
        var random = SystemRandomNumberGenerator()
        var bytes = example.bytes
        for _ in 0..<Int.random(in: 1...8, using: &random) {
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        _ = try? OffsetsFile(parsing: bytes.prefix(Int.random(in: 0...bytes.count, using: &random)).map { $0 })
    }

    @Test(
        "a JSON string is read with its escapes",
        arguments: [
            (#""""#, ""), (#""a\"b\\c\/d\b\f\n\r\t""#, "a\"b\\c/d\u{8}\u{c}\n\r\t"), (#""\u00e9\ud83d\ude00x""#, "é😀x"),
            ("\"é\"", "é"),
        ])
    func strings(text: String, value: String) { #expect(JSONText.unquoted(text) == value) }

    @Test(
        "what is no JSON string is none",
        arguments: ["", "\"", "a", #""a"#, #""a"b""#, #""\""#, #""\u12""#, #""\ud83d""#, #""\ud83dx""#, #""\x41""#])
    func noStrings(text: String) { #expect(JSONText.unquoted(text) == nil) }
}
