import RecordFormat
import Storage

/// What has to be known to go on with an import: where its records begin in the topic. A file of one object of JSON,
/// there from before the first record is written until all are found to be there.
struct ImportProgress: Hashable {
    var topic: String
    /// True: the import makes the topic, with settings that keep everything; the ones that it is to have come at the
    /// end.
    var createsTopic: Bool
    /// By partition, the offset that the first record of this import gets; nil: nothing was written yet.
    var starts: [Offset]?
    /// When it was begun: the time of records that have none.
    var time: Timestamp

    static let version = 1
    private static let kind = "martlet import"
    private static let byteCountMax = 1 << 20

    var json: [UInt8] {
        var object = JSONObject()
        object.add("kind", .text(Self.kind))
        object.add("version", .init(Self.version))
        object.add("topic", .text(topic))
        object.add("createsTopic", .flag(createsTopic))
        object.add("time", .init(time.milliseconds))
        if let starts { object.add("starts", array: starts.map { Array(String($0.value).utf8) }) }
        return object.closed + [UInt8(ascii: "\n")]
    }

    func write(to path: String, _ fileSystem: any FileSystem) throws {
        try FileReplacement.write(json, to: path, fileSystem)
    }

    /// nil: there is no such file.
    static func read(_ path: String, _ fileSystem: any FileSystem) throws -> ImportProgress? {
        guard fileSystem.exists(path) else { return nil }
        let file = try fileSystem.open(path, .read)
        let bytes = try file.read(upTo: min(try file.size(), byteCountMax), at: 0)
        do {
            return try bytes.withUnsafeBytes { try ImportProgress(parsing: $0) }
        } catch let error as JSONReader.Malformed {
            throw Failure("\(path) is damaged at byte \(error.position + 1): \(error.reason)", status: .damage)
        }
    }

    private init(parsing bytes: UnsafeRawBufferPointer) throws {
        self.init(topic: "", createsTopic: false, time: .none)
        var kind: String?
        var version: Int64 = 0
        var reader = JSONReader(bytes)
        try reader.object { reader, name in
            switch name {
            case "kind": kind = try reader.string()
            case "version": version = try reader.integer()
            case "topic": topic = try reader.string()
            case "createsTopic": createsTopic = try reader.boolean()
            case "time": time = Timestamp(milliseconds: try reader.integer())
            case "starts":
                var offsets: [Offset] = []
                try reader.array { reader in offsets.append(Offset(try reader.integer())) }
                starts = offsets
            default: throw reader.malformed("there is no field '\(name.prefix(100))'")
            }
        }
        guard kind == Self.kind else { throw reader.malformed("this is no progress of an import") }
        guard version == Int64(Self.version) else {
            throw reader.malformed("version \(version) is not read here: use a newer martlet")
        }
    }

    init(topic: String, createsTopic: Bool, starts: [Offset]? = nil, time: Timestamp) {
        self.time = time
        self.topic = topic
        self.createsTopic = createsTopic
        self.starts = starts
    }
}
