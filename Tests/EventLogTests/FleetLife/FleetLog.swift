@testable import EventLog

/// What the month of a fleet is played on: an event log, or what stands in for one where the model itself is tried.
/// Each operation throws where storage fails.
protocol FleetLog: AnyObject {
    func open(_ settings: LogSettings) throws
    func close() throws
    /// The process ends, or the machine loses power: what `seed` picks of what was not synced is lost.
    func end(by ending: FleetEnding)
    /// Power is cut, or an operation fails with the error, so many operations on the disk from now on.
    func plan(_ trouble: FleetTrouble, after operations: Int)
    /// Nothing more goes wrong. Returns whether something has since the last call.
    func clearTroubles() -> Bool
    /// Whether something has gone wrong since then.
    var hasFailed: Bool { get }
    /// As if nothing had: after a failure that the log has dealt with.
    func forgetTroubles()
    /// Every partition takes appends, can be made durable, and be compacted: none waits for the log to be opened again.
    var isSound: Bool { get }

    func createTopic(_ name: String, partitions: Int, _ settings: TopicSettings) throws
    func deleteTopic(_ name: String) throws
    func alter(_ name: String, _ settings: TopicSettings) throws
    func apply(_ settings: LogSettings) throws
    /// nil: there is no such topic.
    func partitionCount(of topic: String) -> Int?
    func settings(of topic: String) -> TopicSettings?

    func append(_ records: [Record], _ producer: FleetProducer?, to place: FleetPlace) throws -> FleetAnswer
    func deleteRecords(before offset: Int64, of place: FleetPlace) throws
    func checkpoint() throws
    func retain()
    func compact()

    func view(of place: FleetPlace) throws -> FleetView
    /// The first record at or after `offset`; the first one of `time` or later; the first that has the latest time.
    func record(from offset: Int64, of place: FleetPlace) throws -> Int64?
    func offset(at time: Int64, of place: FleetPlace) throws -> Int64?
    func latestOffset(of place: FleetPlace) throws -> Int64?

    func commit(_ offset: Int64, by group: String, of place: FleetPlace) throws
    func committed(by group: String, of place: FleetPlace) throws -> Int64?

    /// Bytes of each topic, with its indexes, and of everything.
    func usage() -> FleetUsage
}

struct FleetPlace: Hashable, Comparable, CustomStringConvertible {
    let topic: String
    let partition: Int
    var description: String { "\(topic)-\(partition)" }
    static func < (a: Self, b: Self) -> Bool { (a.topic, a.partition) < (b.topic, b.partition) }
}

enum FleetEnding {
    case kill
    case powerCut(seed: UInt64)
}

enum FleetTrouble {
    case powerCut
    case error(Int32)
}

/// Who numbers its batches.
struct FleetProducer: Hashable {
    let id: Int64
    var sequence: Int32
}

enum FleetAnswer: Equatable {
    case appended(at: Int64)
    case duplicate(of: Int64)
}

/// A partition as a reader and the disk show it.
struct FleetView {
    var start: Int64
    var end: Int64
    var records: [SeenRecord]
    /// By the files that are there, oldest first; the last one is written to.
    var segments: [SegmentOnDisk]
}

struct SegmentOnDisk: Equatable {
    let base: Int64
    /// Of the log's file, in bytes.
    let bytes: Int
    /// With its indexes.
    let bytesInAll: Int
}

struct FleetUsage {
    var topics: [String: Int] = [:]
    var total = 0
}

/// A record as it was read.
struct SeenRecord: Equatable {
    let offset: Int64
    let key: String?
    let value: String?
    let time: Int64
    /// What its header `martlet-ttl-ms` says.
    let ttl: String?
}
