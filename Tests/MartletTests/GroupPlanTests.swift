import KafkaClient
import Testing

@testable import martlet

@Suite("Group plan", .timeLimit(.minutes(10)))
struct GroupPlanTests {
    private let now = Timestamp(milliseconds: 100_000)

    private func row(
        from: Offset?, to: Offset?, start: Offset? = 0, end: Offset? = 1000, timeFrom: Int64? = nil,
        timeTo: Int64? = nil, note: String? = nil
    ) -> GroupPlan.Row {
        GroupPlan.Row(
            TopicPartition(topic: "readings", partition: 0), from: from, to: to, start: start, end: end,
            timeFrom: timeFrom.map { Timestamp(milliseconds: $0) }, timeTo: timeTo.map { Timestamp(milliseconds: $0) },
            now: now, note: note)
    }

    @Test("going back replays records, and the time between the two first ones that are not consumed")
    func back() {
        let row = row(from: 500, to: 200, timeFrom: 90_000, timeTo: 30_000)
        #expect(row.replayed == 300 && row.skipped == 0 && row.milliseconds == 60_000 && row.isChange)
    }

    @Test("from the end, the time is up to now")
    func fromEnd() {
        #expect(row(from: 1000, to: 200, timeTo: 30_000).milliseconds == 70_000)
        #expect(row(from: 200, to: 1000, timeFrom: 30_000).milliseconds == 70_000)
    }

    @Test("going on skips records")
    func on() {
        let row = row(from: 200, to: 500, timeFrom: 30_000, timeTo: 90_000)
        #expect(row.replayed == 0 && row.skipped == 300 && row.milliseconds == 60_000)
    }

    @Test("records that were deleted are neither replayed nor skipped")
    func deleted() {
        #expect(row(from: 50, to: 300, start: 100).skipped == 200)
        #expect(row(from: 2000, to: 900).replayed == 100)
        #expect(row(from: 50, to: 80, start: 100).skipped == 0)
    }

    @Test("times of clocks that differ are no span below nothing")
    func clocks() { #expect(row(from: 500, to: 200, timeFrom: 10, timeTo: 30_000).milliseconds == 0) }

    @Test(
        "where there was no offset, or is none any more, nothing is counted",
        arguments: [(nil, 5), (5, nil)] as [(Int64?, Int64?)])
    func unknown(from: Int64?, to: Int64?) {
        let row = row(from: from.map { Offset($0) }, to: to.map { Offset($0) })
        #expect(row.replayed == 0 && row.skipped == 0 && row.milliseconds == nil && row.isChange)
    }

    @Test("a plan says in all what it does")
    func summary() {
        var plan = GroupPlan(group: "g", rows: [row(from: 5, to: 5)])
        #expect(plan.summary == "leaves every partition where it is" && plan.changes.isEmpty)
        plan.rows = [
            row(from: 500, to: 200, timeFrom: 90_000, timeTo: 30_000), row(from: 500, to: 400, timeTo: 20_000),
            row(from: 1, to: 2, timeFrom: 1000, timeTo: 1001), row(from: nil, to: 7), row(from: 7, to: nil),
        ]
        #expect(
            plan.summary
                == "replays 400 records (1 min 20 s), skips 1 record (1 ms), removes 1 committed offset, gives 1 "
                + "partition a first offset")
    }

    @Test("a plan's rows are numbers for programs: seconds exact, and nothing where nothing is known")
    func json() {
        let plan = GroupPlan(
            group: "g",
            rows: [row(from: 500, to: 200, timeFrom: 90_001, timeTo: 30_000), row(from: 7, to: nil, note: "n")])
        #expect(
            String(decoding: plan.table.json, as: UTF8.self)
                == #"[{"topic":"readings","partition":0,"from":500,"to":200,"replayed":300,"skipped":0,"#
                + #""seconds":60.001,"note":null},{"topic":"readings","partition":0,"from":7,"to":null,"#
                + #""replayed":null,"skipped":null,"seconds":null,"note":"n"}]"#)
    }

    @Test(
        "a span of time is what people say, and exact for programs",
        arguments: [
            (Int64(0), "0 s", "0.000"), (7, "7 ms", "0.007"), (999, "999 ms", "0.999"), (4230, "4.2 s", "4.230"),
            (9949, "9.9 s", "9.949"), (9950, "10 s", "9.950"), (59_499, "59 s", "59.499"),
            (59_500, "1 min 0 s", "59.500"), (200_000, "3 min 20 s", "200.000"), (3_599_500, "1 h 0 min", "3599.500"),
            (7_500_000, "2 h 5 min", "7500.000"), (273_600_000, "3 d 4 h", "273600.000"), (-5000, "-5.0 s", "-5.000"),
            (.max, "106,751,991,167 d 7 h", "9223372036854775.807"),
            (.min, "-106,751,991,167 d 7 h", "-9223372036854775.808"),
        ])
    func spans(milliseconds: Int64, text: String, seconds: String) {
        #expect(SpanText.forPeople(milliseconds) == text)
        #expect(SpanText.seconds(milliseconds) == seconds)
    }
}
