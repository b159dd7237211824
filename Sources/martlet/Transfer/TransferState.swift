import RecordFormat
import Storage

/// What an export holds, or will: its manifest when it is whole, its progress until then. A file of one object of JSON.
struct TransferState: Hashable {
    /// How records are kept.
    enum Form: String {
        /// A file with a line of JSON for each.
        case ndjson
        /// A data directory with the batches as they were.
        case directory
    }

    /// A partition's share: the records from `start` up to `end`.
    struct Part: Hashable {
        var partition: Int
        var start: Offset
        var end: Offset
        /// Of the batch that holds `start`, which a directory gets whole: it may begin before.
        var base: Offset
        /// What lies before it is there.
        var next: Offset
        var records = 0
        /// By `RecordTally` or `BatchTally`, as the form is.
        var checksum: UInt32 = 0

        init(partition: Int, start: Offset, end: Offset) {
            self.partition = partition
            self.start = start
            self.end = max(start, end)
            base = start
            next = start
        }

        var isDone: Bool { next >= end }
    }

    var form: Form
    var topic: String
    /// Of the topic; `parts` may be fewer.
    var partitionCount: Int
    /// What was set for the topic, by name.
    var settings: [String: String]
    var parts: [Part]
    /// Of an NDJSON file, as far as it counts.
    var byteCount = 0
    /// Damaged places that were passed over.
    var damageCount = 0

    init(form: Form, topic: String, partitionCount: Int, settings: [String: String], parts: [Part]) {
        self.form = form
        self.topic = topic
        self.partitionCount = partitionCount
        self.settings = settings
        self.parts = parts
    }

    var isDone: Bool { parts.allSatisfy(\.isDone) }
    var records: Int { parts.reduce(0) { $0 + $1.records } }

    /// How much of it is done, by offsets.
    var fraction: Double {
        let all = parts.reduce(0.0) { $0 + Double($1.end.distance(from: $1.start)) }
        let done = parts.reduce(0.0) { $0 + Double($1.next.distance(from: $1.start)) }
        return all > 0 ? done / all : 1
    }
}

// MARK: As a file

extension TransferState {
    static let version = 1
    private static let kind = "martlet export"
    /// That of a topic with as many partitions as there can be is far smaller.
    private static let byteCountMax = 64 << 20

    /// Where the manifest of an export lies, and its progress: beside a file, in a directory.
    static func manifestPath(_ form: Form, _ path: String, topic: String) -> String {
        form == .ndjson ? "\(path).manifest" : "\(path)/\(topic).export.manifest"
    }

    static func progressPath(_ form: Form, _ path: String, topic: String) -> String {
        form == .ndjson ? "\(path).progress" : "\(path)/\(topic).export.progress"
    }

    var json: [UInt8] {
        var object = JSONObject()
        object.add("kind", .text(Self.kind))
        object.add("version", .init(Self.version))
        object.add("form", .text(form.rawValue))
        object.add("topic", .text(topic))
        object.add("partitionCount", .init(partitionCount))
        var settings = JSONObject()
        for (name, value) in self.settings.sorted(by: { $0.key < $1.key }) { settings.add(name, .text(value)) }
        object.add("settings", json: settings.closed)
        object.add("records", .init(records))
        if form == .ndjson { object.add("bytes", .init(byteCount)) }
        if damageCount > 0 { object.add("damaged", .init(damageCount)) }
        object.add(
            "partitions",
            array: parts.map { part in
                var row = JSONObject()
                row.add("partition", .init(part.partition))
                row.add("start", .init(part.start.value))
                row.add("end", .init(part.end.value))
                if part.base != part.start { row.add("base", .init(part.base.value)) }
                if !part.isDone { row.add("next", .init(part.next.value)) }
                row.add("records", .init(part.records))
                row.add("checksum", .text(Self.hexadecimal(part.checksum)))
                return row.closed
            })
        return object.closed + [UInt8(ascii: "\n")]
    }

    /// Eight digits.
    static func hexadecimal(_ checksum: UInt32) -> String {
        let digits = String(checksum, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    func write(to path: String, _ fileSystem: any FileSystem) throws {
        try FileReplacement.write(json, to: path, fileSystem)
    }

    /// nil: there is no such file. Throws where it is none of these.
    static func read(_ path: String, _ fileSystem: any FileSystem) throws -> TransferState? {
        guard fileSystem.exists(path) else { return nil }
        let file = try fileSystem.open(path, .read)
        let size = try file.size()
        guard size <= byteCountMax else { throw Failure("\(path) is damaged: it is too large", status: .damage) }
        let bytes = try file.read(upTo: size, at: 0)
        do {
            return try bytes.withUnsafeBytes { try TransferState(parsing: $0) }
        } catch let error as JSONReader.Malformed {
            throw Failure("\(path) is damaged at byte \(error.position + 1): \(error.reason)", status: .damage)
        }
    }

    init(parsing bytes: UnsafeRawBufferPointer) throws {
        self.init(form: .ndjson, topic: "", partitionCount: 0, settings: [:], parts: [])
        var kind: String?
        var version: Int64 = 0
        var form: Form?
        var reader = JSONReader(bytes)
        try reader.object { reader, name in
            switch name {
            case "kind": kind = try reader.string()
            case "version": version = try reader.integer()
            case "form": form = Form(rawValue: try reader.string())
            case "topic": topic = try reader.string()
            case "partitionCount": partitionCount = Int(try reader.integer())
            case "settings": try reader.object { reader, name in settings[name] = try reader.string() }
            case "records": _ = try reader.integer()
            case "bytes": byteCount = Int(try reader.integer())
            case "damaged": damageCount = Int(try reader.integer())
            case "partitions": try reader.array { reader in parts.append(try Part(&reader)) }
            default: throw reader.malformed("there is no field '\(name.prefix(100))'")
            }
        }
        guard kind == Self.kind else { throw reader.malformed("this is no manifest of an export") }
        guard version == Int64(Self.version), let form else {
            throw reader.malformed("version \(version) is not read here: use a newer martlet")
        }
        self.form = form
        guard (1...Int(Int32.max)).contains(partitionCount), byteCount >= 0, damageCount >= 0,
            Set(parts.map(\.partition)).count == parts.count,
            parts.allSatisfy({ (0..<partitionCount).contains($0.partition) })
        else { throw reader.malformed("its partitions do not fit the topic") }
    }
}

extension TransferState.Part {
    fileprivate init(_ reader: inout JSONReader) throws {
        self.init(partition: -1, start: 0, end: 0)
        var next: Int64?
        var base: Int64?
        try reader.object { reader, name in
            switch name {
            case "partition": partition = Int(try reader.integer())
            case "start": start = Offset(try reader.integer())
            case "end": end = Offset(try reader.integer())
            case "base": base = try reader.integer()
            case "next": next = try reader.integer()
            case "records": records = Int(try reader.integer())
            case "checksum":
                guard let number = UInt32(try reader.string(), radix: 16) else {
                    throw reader.malformed("a checksum has eight hexadecimal digits")
                }
                checksum = number
            default: throw reader.malformed("there is no field '\(name.prefix(100))'")
            }
        }
        self.next = next.map { Offset($0) } ?? end
        self.base = base.map { Offset($0) } ?? start
        guard 0 <= self.base, self.base <= start, start <= self.next, self.next <= end, records >= 0 else {
            throw reader.malformed("a partition's offsets do not ascend")
        }
    }
}
