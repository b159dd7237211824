import TestSupport

@testable import EventLog

/// Devices that send telemetry: each by a clock of its own, some of which are off, and one that has none.
struct FleetDevices {
    struct Device {
        let name: String
        /// How far its clock is off, in milliseconds; nil: it sends no timestamps.
        let skew: Int64?
        /// How long its records are of use.
        let ttl: Int64?
    }

    let all: [Device]

    init(_ random: inout SeededRandom, withoutClock: Bool) {
        all = (0..<14).map { i in
            let skew: Int64? =
                switch i {
                case 0: -3 * FleetClock.day
                case 1: 6 * FleetClock.hour
                case 2: -40 * FleetClock.day
                case 3 where withoutClock: nil
                case 4, 5: Int64.random(in: -90_000...90_000, using: &random)
                // To the millisecond, so that limits are met exactly.
                default: 0
                }
            let hours = Int64.random(in: 1...96, using: &random)
            return Device(name: "device-\(i)", skew: skew, ttl: i % 3 == 0 ? hours * FleetClock.hour : nil)
        }
    }

    /// What some of them send in one batch.
    func records(
        _ count: Int, now: Int64, number: inout Int, _ style: FleetTopic.Style, allHaveKeys: Bool,
        _ random: inout SeededRandom
    ) -> [Record] {
        (0..<count).map { _ in
            // Few send most of it, so that much is replaced, and some of it for a long time not.
            let device = all[
                min(Int.random(in: 0..<all.count, using: &random), Int.random(in: 0..<all.count, using: &random))]
            number += 1
            let isTombstone = style.hasTombstones && Int.random(in: 0..<8, using: &random) == 0
            let key = style.isKeyed || allHaveKeys || Int.random(in: 0..<3, using: &random) > 0 ? device.name : nil
            let size = Int.random(in: 0...300, using: &random)
            let value = isTombstone && key != nil ? nil : "\(number) " + String(repeating: "x", count: size)
            let time = style.hasClock || device.skew != nil ? max(0, now + (device.skew ?? 0)) : -1
            let ttl = device.ttl.map { $0 / Int64.random(in: 1...4, using: &random) }
            let headers =
                style.hasTTL ? ttl.map { [RecordHeader(name: "martlet-ttl-ms", value: Array("\($0)".utf8))] } : nil
            return Record(
                key: key.map { Array($0.utf8) }, value: value.map { Array($0.utf8) }, headers: headers ?? [],
                timestamp: Timestamp(milliseconds: time))
        }
    }
}

/// A topic of the fleet: how it is used, and what may be set for it.
struct FleetTopic {
    struct Style {
        var isKeyed = true
        var hasTombstones = false
        var hasTTL = false
        /// Every record has a time.
        var hasClock = false
    }

    let name: String
    var partitions = 1
    var style = Style()
    /// One of these holds at a time.
    let settings: [[String: String]]

    static let all: [FleetTopic] = [
        FleetTopic(
            name: "readings", partitions: 2, style: Style(isKeyed: false),
            settings: [["retention.ms": "\(7 * FleetClock.day)"], ["retention.ms": "\(4 * FleetClock.day)"], [:]]),
        FleetTopic(
            name: "state", partitions: 2, style: Style(hasTombstones: true),
            settings: [
                compacted(["delete.retention.ms": "\(2 * FleetClock.day)", "retention.ms": "\(5 * FleetClock.day)"]),
                compacted([
                    "delete.retention.ms": "\(6 * FleetClock.hour)", "min.compaction.lag.ms": "\(FleetClock.day)",
                ]),
            ]),
        FleetTopic(
            name: "latest", style: Style(isKeyed: false, hasTombstones: true),
            settings: [
                compacted(["cleanup.policy": "compact,delete", "retention.ms": "\(9 * FleetClock.day)"]),
                ["retention.ms": "\(12 * FleetClock.day)"],
                [
                    "cleanup.policy": "compact,delete", "min.cleanable.dirty.ratio": "0.5",
                    "max.compaction.lag.ms": "\(2 * FleetClock.day)", "min.compaction.lag.ms": "\(6 * FleetClock.hour)",
                ],
            ]),
        FleetTopic(
            name: "alerts", style: Style(isKeyed: false, hasClock: true),
            settings: [
                ["record.ttl.ms": "\(3 * FleetClock.day)"],
                ["record.ttl.ms": "\(5 * FleetClock.day)", "retention.ms": "\(2 * FleetClock.day)"],
            ]),
        FleetTopic(
            name: "commands", style: Style(hasTombstones: true, hasTTL: true, hasClock: true),
            settings: [
                compacted(["record.ttl.headers": "true", "record.ttl.ms": "\(6 * FleetClock.day)"]),
                compacted(["record.ttl.headers": "true"]),
            ]),
        FleetTopic(
            name: "ring", style: Style(isKeyed: false),
            settings: [["retention.bytes": "60000"], ["retention.bytes": "33000"]]),
        FleetTopic(
            name: "audit", style: Style(hasTombstones: true),
            settings: [
                ["message.timestamp.type": "LogAppendTime", "retention.ms": "\(10 * FleetClock.day)"],
                compacted(["message.timestamp.type": "LogAppendTime"]),
            ]),
        FleetTopic(
            name: "relaxed", style: Style(hasTombstones: true),
            settings: [
                compacted(["flush.messages": "10", "cleanup.policy": "compact,delete", "retention.bytes": "90000"])
            ]),
    ]

    private static func compacted(_ others: [String: String]) -> [String: String] {
        ["cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0"].merging(others) { $1 }
    }
}
