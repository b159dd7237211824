import KafkaClient
import RecordFormat

/// A group's committed offsets as a file that people read and edit: lines of text, a partition each.
///
///     # martlet group offsets, version 1
///     # group analytics
///     # taken 2026-11-01T10:00:00.000Z
///     topic,partition,offset,metadata
///     readings,0,1234,
///     readings,1,998,"checkpoint 7"
///
/// Metadata stands in quotes, with JSON's escapes, where there is any. Read are also files without the lines before the
/// first partition, as Kafka's own tool exports them. Empty lines and further lines that begin with # are passed over.
struct OffsetsFile: Hashable {
    /// nil: the file does not say.
    var group: String?
    var taken: Timestamp?
    var offsets: [TopicPartition: GroupOffset]

    static let version = 1
    static let columns = "topic,partition,offset,metadata"
    private static let title = "# martlet group offsets, version "
    /// A file with every partition that a directory may have, each with metadata, is far smaller.
    static let byteCountMax = 64 << 20

    var bytes: [UInt8] {
        var bytes = Array("\(Self.title)\(Self.version)\n".utf8)
        if let group {
            bytes.append(contentsOf: "# group ".utf8)
            Self.append(name: group, to: &bytes)
            bytes.append(UInt8(ascii: "\n"))
        }
        if let taken { bytes.append(contentsOf: "# taken \(TimeText.format(taken.milliseconds))\n".utf8) }
        bytes.append(contentsOf: "\(Self.columns)\n".utf8)
        for (partition, committed) in offsets.sorted(by: { $0.key < $1.key }) {
            bytes.append(contentsOf: "\(partition.topic),\(partition.partition),\(committed.offset),".utf8)
            if !committed.metadata.isEmpty { JSONText.append(committed.metadata, to: &bytes) }
            bytes.append(UInt8(ascii: "\n"))
        }
        return bytes
    }

    /// A group's id may be any text; one that would not stand on a line as it is stands in quotes.
    private static func append(name: String, to bytes: inout [UInt8]) {
        let isPlain = !name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "\"") }
        if isPlain { bytes.append(contentsOf: name.utf8) } else { JSONText.append(name, to: &bytes) }
    }
}

// MARK: Reading

extension OffsetsFile {
    /// What is wrong in a file, and in which of its lines.
    struct Malformed: Error, Hashable, CustomStringConvertible {
        var line: Int
        var reason: String

        var description: String { "line \(line): \(reason)" }
    }

    init(parsing bytes: [UInt8]) throws(Malformed) {
        self.init(group: nil, taken: nil, offsets: [:])
        guard bytes.count <= Self.byteCountMax else {
            throw Malformed(line: 1, reason: "the file is too large for one of offsets")
        }
        var number = 0
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            var line = line
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            guard let text = String(validating: line, as: UTF8.self) else {
                throw Malformed(line: number, reason: "this is no text (UTF-8)")
            }
            do throws(LineError) { try take(Substring(text), isFirst: number == 1) } catch {
                throw Malformed(line: number, reason: error.reason)
            }
        }
        if offsets.isEmpty { throw Malformed(line: number, reason: "there are no offsets in the file") }
    }

    private struct LineError: Error {
        var reason: String

        init(_ reason: String) { self.reason = reason }
    }

    private mutating func take(_ line: Substring, isFirst: Bool) throws(LineError) {
        if line.hasPrefix("#") { return try takeComment(line, isFirst: isFirst) }
        guard !line.allSatisfy({ $0 == " " || $0 == "\t" }) else { return }
        guard !isFirst || !line.hasPrefix("{") else {
            throw LineError("this is JSON: give what 'martlet group snapshot' writes without --json")
        }
        if offsets.isEmpty, line == Self.columns || line == "topic,partition,offset" { return }
        let (partition, committed) = try Self.row(line)
        guard offsets.updateValue(committed, forKey: partition) == nil else {
            throw LineError("\(partition) stands in the file twice: leave one of the two")
        }
    }

    private mutating func takeComment(_ line: Substring, isFirst: Bool) throws(LineError) {
        if line.hasPrefix(Self.title) {
            guard Int(line.dropFirst(Self.title.count)) == Self.version else {
                throw LineError("this is not version \(Self.version), the one that is read here: use a newer martlet")
            }
        } else if line.hasPrefix("# group ") {
            let name = line.dropFirst("# group ".count)
            group = name.hasPrefix("\"") ? try Self.unquoted(name) : String(name)
        } else if line.hasPrefix("# taken ") {
            guard let time = TimeText.parse(String(line.dropFirst("# taken ".count))) else {
                throw LineError("'\(line.dropFirst("# taken ".count))' is no time")
            }
            taken = Timestamp(milliseconds: time)
        }
    }

    private static func row(_ line: Substring) throws(LineError) -> (TopicPartition, GroupOffset) {
        let fields = line.split(separator: ",", maxSplits: 3, omittingEmptySubsequences: false)
        guard fields.count >= 3 else { throw LineError("there is no topic,partition,offset in '\(line.brief)'") }
        let topic = fields[0]
        // Kafka's tool puts names in quotes.
        let name = topic.hasPrefix("\"") ? try unquoted(topic) : String(topic)
        guard !name.isEmpty else { throw LineError("the topic's name is missing") }
        guard let partition = number(fields[1]), partition <= Int64(Int32.max) else {
            throw LineError("'\(fields[1].brief)' is no partition: give a number from 0 on")
        }
        guard let offset = number(fields[2]) else {
            throw LineError("'\(fields[2].brief)' is no offset: give a number from 0 on")
        }
        var metadata = ""
        if fields.count == 4, !fields[3].isEmpty {
            metadata = fields[3].hasPrefix("\"") ? try unquoted(fields[3]) : String(fields[3])
        }
        return (
            TopicPartition(topic: name, partition: Int(partition)),
            GroupOffset(offset: Offset(offset), metadata: metadata)
        )
    }

    private static func number(_ text: Substring) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
        return Int64(text)
    }

    private static func unquoted(_ text: Substring) throws(LineError) -> String {
        guard let text = JSONText.unquoted(text) else {
            throw LineError("'\(text.brief)' is not closed by a quote, or has an escape that JSON does not know")
        }
        return text
    }
}

extension Substring {
    /// Its beginning, for a message.
    fileprivate var brief: String { count <= 60 ? String(self) : String(prefix(60)) + "…" }
}
