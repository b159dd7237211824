import KafkaClient
import Testing

@testable import martlet

@Suite("Position")
struct PositionTests {
    @Test(
        "a place is earliest, latest, an offset, a time or a time before now",
        arguments: [
            ("earliest", Position.earliest), ("latest", .latest), ("0", .offset(0)),
            ("9223372036854775807", .offset(.max)), ("-90s", .ago(90_000)), ("-1h", .ago(3_600_000)),
            ("-500ms", .ago(500)), ("-2w", .ago(1_209_600_000)), ("@1767225600123", .time(1_767_225_600_123)),
            ("2026-01-01", .time(1_767_225_600_000)), ("2026-01-01T00:00:00Z", .time(1_767_225_600_000)),
            ("2026-01-01 00:00:01.5", .time(1_767_225_601_500)), ("2026-01-01T02:00+02:00", .time(1_767_225_600_000)),
            ("2025-12-31T19:30-0430", .time(1_767_225_600_000)), ("2024-02-29T23:59:59.999Z", .time(1_709_251_199_999)),
        ])
    func accepted(text: String, position: Position) throws {
        #expect(try Position(parsing: text) == position)
    }

    @Test(
        "what is none of these is refused with what could be given",
        arguments: [
            "", "first", "-1", "-1y", "-", "+5", "1.5", "@", "@-1", "@1x", "9223372036854775808", "-99999999999999w",
            "2026-13-01", "2026-02-29", "2026-00-10", "2026-01-01T24:00", "2026-01-01T10", "2026-01-01T10:00:60",
            "2026-01-01T10:00:00.", "2026-01-01T10:00:00+25:00", "2026-01-01T10:00Z!", "2026-1-1", "-1h30m",
        ])
    func refused(text: String) {
        let error = #expect(throws: (any Error).self) { try Position(parsing: text) }
        #expect(error.map { "\($0)".contains("earliest") } == true)
    }

    @Test("a time before now is counted back from now, and never before 1970")
    func ago() {
        let now = Timestamp(milliseconds: 10_000)
        #expect(Position.ago(4000).start(now: now) == .timestamp(Timestamp(milliseconds: 6000)))
        #expect(Position.ago(.max).start(now: now) == .timestamp(Timestamp(milliseconds: 0)))
        #expect(Position.latest.stop(now: now) == .end)
        #expect(Position.offset(7).stop(now: now) == .offset(7))
    }

    @Test(
        "a time is printed as it is read",
        arguments: [
            0, 1, 951_782_400_000, 1_709_251_199_999, 1_767_225_600_123, 4_102_444_800_000, -1, -62_135_596_800_000,
        ])
    func roundTrip(milliseconds: Int64) {
        #expect(TimeText.parse(TimeText.format(milliseconds)) == milliseconds)
    }

    @Test("a timestamp that no calendar holds is printed as its number", arguments: [Int64.max, .min])
    func farAway(milliseconds: Int64) {
        #expect(TimeText.format(milliseconds) == String(milliseconds))
    }

    @Test("a fleet's replay starts at the beginning, at a time or at a fraction of its history")
    func fleetStart() throws {
        #expect(try FleetStart(parsing: "earliest") == .earliest)
        #expect(try FleetStart(parsing: "0.5") == .fraction(0.5))
        #expect(try FleetStart(parsing: "2026-01-01") == .time(1_767_225_600_000))
        #expect(throws: (any Error).self) { try FleetStart(parsing: "1.5") }
        #expect(throws: (any Error).self) { try FleetStart(parsing: "nan") }
    }
}
