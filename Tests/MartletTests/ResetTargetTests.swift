import KafkaClient
import Testing

@testable import martlet

@Suite("Reset target", .timeLimit(.minutes(10)))
struct ResetTargetTests {
    private func facts(
        committed: Offset? = 150, found: Offset? = nil, given: Offset? = nil, start: Offset = 100, end: Offset = 200
    ) -> PartitionFacts {
        PartitionFacts(start: start, end: end, committed: committed, found: found, given: given)
    }

    private func resolve(
        _ target: ResetTarget, _ facts: PartitionFacts, nearest: Bool = false
    ) throws -> ResolvedTarget? { try target.resolve(facts, nearest: nearest) }

    @Test("earliest and latest are the ends that there are")
    func ends() throws {
        #expect(try resolve(.position(.earliest), facts()) == ResolvedTarget(offset: 100))
        #expect(try resolve(.position(.latest), facts()) == ResolvedTarget(offset: 200))
    }

    @Test("an offset is taken where the partition has it, its end included", arguments: [100, 101, 199, 200])
    func inside(offset: Int64) throws {
        #expect(try resolve(.position(.offset(offset)), facts()) == ResolvedTarget(offset: Offset(offset)))
    }

    @Test("an offset outside is refused with what there is, or is the nearest", arguments: [0, 99, 201, Int64.max])
    func outside(offset: Int64) throws {
        let error = #expect(throws: TargetRefusal.self) { try resolve(.position(.offset(offset)), facts()) }
        #expect(error?.reason.contains("100 to 200") == true && error?.reason.contains("--nearest") == true)
        let nearest = try resolve(.position(.offset(offset)), facts(), nearest: true)
        #expect(nearest?.offset == (offset < 100 ? 100 : 200) && nearest?.note != nil)
    }

    @Test(
        "a shift counts from what is committed, and never leaves the partition",
        arguments: [(Int64(10), Offset(160)), (-50, 100), (50, 200), (-51, nil), (51, nil), (.max, nil), (.min, nil)])
    func shift(count: Int64, to: Offset?) throws {
        if let to {
            #expect(try resolve(.shift(count), facts()) == ResolvedTarget(offset: to))
        } else {
            #expect(throws: TargetRefusal.self) { try resolve(.shift(count), facts()) }
            #expect(try resolve(.shift(count), facts(), nearest: true)?.offset == (count < 0 ? 100 : 200))
        }
        #expect(try resolve(.shift(count), facts(committed: nil)) == nil)
    }

    @Test("a time is the first record as new; where there is none it is the end, and that is said")
    func time() throws {
        #expect(try resolve(.position(.ago(5)), facts(found: 170)) == ResolvedTarget(offset: 170))
        let end = try resolve(.position(.time(5)), facts())
        #expect(end?.offset == 200 && end?.note != nil)
        let first = try resolve(.position(.time(5)), facts(found: 100))
        #expect(first?.offset == 100 && first?.note == "older records are gone")
        // An empty partition has nothing to say, and one that was never cut has lost nothing.
        #expect(try resolve(.position(.time(5)), facts(start: 200)) == ResolvedTarget(offset: 200))
        #expect(try resolve(.position(.time(5)), facts(found: 0, start: 0)) == ResolvedTarget(offset: 0))
    }

    @Test("a time that has not come yet is refused")
    func future() throws {
        let now = Timestamp(milliseconds: 1000)
        #expect(throws: Failure.self) { try ResetTarget.position(.time(1001)).time(now: now) }
        #expect(try ResetTarget.position(.time(1000)).time(now: now) == now)
        #expect(try ResetTarget.position(.ago(400)).time(now: now) == Timestamp(milliseconds: 600))
        for target in [ResetTarget.position(.earliest), .position(.offset(5)), .shift(1), .group("g"), .file("f")] {
            #expect(try target.time(now: now) == nil)
        }
    }

    @Test("another group's position and a file's are taken as they are; what they do not name stays")
    func given() throws {
        for target in [ResetTarget.group("g"), .file("f")] {
            #expect(try resolve(target, facts(given: 120)) == ResolvedTarget(offset: 120))
            #expect(try resolve(target, facts()) == nil)
            #expect(throws: TargetRefusal.self) { try resolve(target, facts(given: 99)) }
        }
    }

    @Test("a number of records is one that is not 0", arguments: [("+5", Int64(5)), ("-5", -5), ("12", 12)])
    func shiftText(text: String, count: Int64) throws { #expect(try ResetTarget.shift(parsing: text) == count) }

    @Test("anything else is refused", arguments: ["0", "-0", "", "+", "1.5", "99999999999999999999", "-90m"])
    func noShift(text: String) { #expect(throws: (any Error).self) { try ResetTarget.shift(parsing: text) } }
}
