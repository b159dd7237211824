import KafkaClient
import Testing

@testable import martlet

@Suite("Group lag", .timeLimit(.minutes(10)))
struct GroupLagTests {
    private let now = Timestamp(milliseconds: 100_000)

    private func lag(
        _ partition: Int, topic: String = "readings", group: String = "g", committed: Offset?,
        _ position: DescribedPosition?, member: String? = nil
    ) -> PartitionLag {
        PartitionLag(
            group: group, partition: TopicPartition(topic: topic, partition: partition), committed: committed,
            position: position, now: now, member: member)
    }

    private func position(
        _ start: Offset, _ end: Offset, bytes: Int? = 5000, next: Int64? = 90_000
    ) -> DescribedPosition {
        DescribedPosition(
            logStart: start, end: end, bytesToEnd: bytes, nextTimestamp: next.map { Timestamp(milliseconds: $0) })
    }

    @Test("lag is the records that are there, their bytes, and now minus the time of the first of them")
    func exact() {
        let lag = lag(0, committed: 40, position(0, 100))
        #expect(lag.records == 60 && lag.bytes == 5000 && lag.milliseconds == 10_000 && lag.note == nil)
    }

    @Test("at the end there is no lag, whatever a broker says of the bytes")
    func none() {
        let lag = lag(0, committed: 100, position(0, 100, bytes: 7, next: nil))
        #expect(lag.records == 0 && lag.bytes == 0 && lag.milliseconds == 0)
    }

    @Test("records that were deleted before they were consumed are no lag, and that is said")
    func lost() {
        let lag = lag(0, committed: 40, position(60, 100))
        #expect(lag.records == 40 && lag.lost == 20 && lag.note == "20 records were deleted before they were consumed")
    }

    @Test("without a committed offset, a partition or a time, what is not known is not made up")
    func unknown() {
        #expect(lag(0, committed: nil, position(0, 100)).records == nil)
        let gone = lag(0, committed: 5, nil)
        #expect(gone.records == nil && gone.end == nil && gone.note == "the partition is not there any more")
        let foreign = lag(0, committed: 5, position(0, 100, bytes: nil, next: nil))
        #expect(foreign.records == 95 && foreign.bytes == nil && foreign.milliseconds == nil)
        #expect(lag(0, committed: 101, position(0, 100)).note == "committed past the end")
    }

    @Test("a record of the future is not behind by less than nothing")
    func future() { #expect(lag(0, committed: 5, position(0, 100, next: 200_000)).milliseconds == 0) }

    @Test("a total has the sums, and the time of the partition furthest behind")
    func totals() {
        let total = LagTotal([
            lag(0, committed: 40, position(0, 100)), lag(1, committed: 99, position(0, 100, bytes: 10, next: 50_000)),
            lag(2, committed: nil, position(0, 100)),
        ])
        #expect(total.records == 61 && total.bytes == 5010 && total.milliseconds == 50_000 && total.partitions == 3)
        #expect(total.text == "61 records, 5.0 kB, 50 s")
        #expect(LagTotal([]).text == "nothing is committed")
        #expect(LagTotal([lag(0, committed: 100, position(0, 100))]).text == "nothing: all is consumed")
    }

    @Test("a sum of bytes that would leave a partition out is not given")
    func unknownBytes() {
        let total = LagTotal([
            lag(0, committed: 40, position(0, 100)), lag(1, committed: 40, position(0, 100, bytes: nil)),
        ])
        #expect(total.bytes == nil && total.records == 120)
    }

    @Test("a threshold is passed by more than it, in any of the three")
    func thresholds() {
        let total = LagTotal([lag(0, committed: 40, position(0, 100))])
        func passes(records: Int64? = nil, bytes: Int64? = nil, milliseconds: Int64? = nil) -> Bool {
            LagThresholds(records: records, bytes: bytes, milliseconds: milliseconds).arePassed(by: total)
        }
        #expect(!passes() && !passes(records: 60) && passes(records: 59))
        #expect(!passes(bytes: 5000) && passes(bytes: 4999) && !passes(milliseconds: 10_000))
        #expect(passes(milliseconds: 9999) && passes(records: 1000, milliseconds: 1))
        #expect(!LagThresholds(records: 0).arePassed(by: LagTotal([])))
    }

    private var several: [PartitionLag] {
        [
            lag(0, committed: 90, position(0, 100, bytes: 1, next: 10_000), member: "a"),
            lag(1, committed: 20, position(0, 100, bytes: 9, next: 90_000), member: "b"),
            lag(0, topic: "other", committed: 50, position(0, 100, bytes: 20, next: 50_000), member: "a"),
            lag(0, group: "h", committed: 100, position(0, 100)),
        ]
    }

    @Test(
        "rows are sorted by what is asked for, the most first, and then by name",
        arguments: [
            (LagOrder.name, ["g other-0", "g readings-0", "g readings-1", "h readings-0"]),
            (.records, ["g readings-1", "g other-0", "g readings-0", "h readings-0"]),
            (.seconds, ["g readings-0", "g other-0", "g readings-1", "h readings-0"]),
            (.bytes, ["g other-0", "g readings-1", "g readings-0", "h readings-0"]),
        ])
    func order(order: LagOrder, names: [String]) {
        let rows = LagRow.rows(several, level: .partition, order: order)
        #expect(rows.map { "\($0.group) \($0.topic ?? "")-\($0.partition ?? -1)" } == names)
    }

    @Test("partitions are gathered by group, topic or member")
    func levels() {
        func rows(_ level: LagLevel) -> [String] {
            LagRow.rows(several, level: level, order: .name).map {
                "\($0.group) \($0.topic ?? $0.member ?? "") \($0.total.records ?? -1)"
            }
        }
        #expect(rows(.group) == ["g  140", "h  0"])
        #expect(rows(.topic) == ["g other 50", "g readings 90", "h readings 0"])
        #expect(rows(.member) == ["g a 60", "g b 80", "h  0"])
    }

    @Test("members are called by their instance, else their client, with a number where that is not enough")
    func names() {
        func member(_ id: String, _ client: String, _ instance: String? = nil) -> GroupDescription.Member {
            GroupDescription.Member(
                id: id, instanceID: instance, clientID: client, host: "", topics: [], assignment: [], epoch: nil)
        }
        let members = [member("1", "c"), member("2", "c"), member("3", "d"), member("4", "c", "east"), member("5", "")]
        #expect(MemberNames.names(members) == ["c#1", "c#2", "d", "east", "5"])
    }

    @Test("a page for a terminal is drawn over the last one, and never taller than it")
    func screen() {
        let lines = ["one", "two", "three"].map { Array($0.utf8) }
        #expect(
            String(decoding: Screen.drawn(lines, rows: 24, isFirst: false), as: UTF8.self)
                == "\u{1B}[Hone\u{1B}[K\ntwo\u{1B}[K\nthree\u{1B}[K\n\u{1B}[J")
        #expect(
            String(decoding: Screen.drawn(lines, rows: 3, isFirst: true), as: UTF8.self)
                == "\u{1B}[H\u{1B}[2Jone\u{1B}[K\ntwo\u{1B}[K\n\u{1B}[J")
    }

    @Test(
        "thresholds are numbers of bytes and spans of time",
        arguments: [
            ("0", Int64(0)), ("1000000", 1_000_000), ("500kB", 500_000), ("20MB", 20_000_000), ("1gb", 1_000_000_000),
            ("7B", 7),
        ])
    func bytes(text: String, count: Int64) throws { #expect(try LagArguments.bytes(text) == count) }

    @Test(
        "seconds may have a fraction, or be a span",
        arguments: [("300", Int64(300_000)), ("0.5", 500), ("5m", 300_000)])
    func seconds(text: String, milliseconds: Int64) throws { #expect(try LagArguments.span(text) == milliseconds) }

    @Test("what is neither is refused", arguments: ["", "x", "-1", "1kk", "nan", "inf", "9999999999999TB"])
    func refused(text: String) {
        #expect(throws: (any Error).self) { try LagArguments.bytes(text) }
        #expect(throws: (any Error).self) { try LagArguments.span(text) }
    }
}
