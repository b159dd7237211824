import TestSupport
import Testing

@testable import GroupCoordination

/// Requests and records that no client and no coordinator of ours would make.
@Suite("Nonsense asked of groups by the consumer protocol", .timeLimit(.minutes(10)))
struct ConsumerGroupNoiseTests {
    @Test("whatever is asked and whatever was stored, a group keeps its invariants, and answers", arguments: 0..<40)
    func noise(seed: UInt64) throws {
        var noise = Noise(chance: SeededRandom(seed: seed))
        var stored = StoredConsumerGroup()
        for _ in 0..<noise.number(0...30) { stored.apply(noise.record()) }
        let bench = ConsumerGroupBench(restoring: stored, noise.topics())
        bench.holdsStores = true
        var invariants = ConsumerGroupInvariants()
        try invariants.check(bench.group, timer: bench.timer)
        for _ in 0..<400 {
            step(bench, &noise)
            try invariants.check(bench.group, timer: bench.timer)
        }
        bench.unload()
        #expect(bench.answeredTwice.isEmpty && bench.answers.count == bench.requestCount)
        #expect(bench.timer == nil)
    }

    private func step(_ bench: ConsumerGroupBench, _ noise: inout Noise) {
        switch noise.number(0...99) {
        case 0..<70: bench.send(noise.heartbeat())
        case 70..<78: bench.store(succeeding: noise.number(0...3) > 0)
        case 78..<84: bench.advance(noise.longTime())
        case 84..<89: bench.setTopics(noise.topics())
        case 89..<92: _ = bench.fence()
        case 92..<96: bench.lift(stored: noise.number(0...3) > 0)
        default: _ = bench.leave((id: noise.memberID().value, instance: noise.instanceID()?.value))
        }
    }
}

private struct Noise {
    var chance: SeededRandom

    mutating func number<T: FixedWidthInteger>(_ range: ClosedRange<T>) -> T { T.random(in: range, using: &chance) }
    mutating func one<T>(_ values: T...) -> T { values.randomElement(using: &chance)! }

    mutating func memberID() -> MemberID { MemberID(one("", "m", "n", "o", "p")) }
    mutating func instanceID() -> InstanceID? { one(nil, nil, nil, "", "i", "j").map { InstanceID($0) } }
    mutating func epoch() -> Int32 { one(-3, -2, -1, 0, 0, 0, 1, 2, 3, 4, 5, 8, .max, .min, number(0...30)) }
    mutating func longTime() -> Int64 { one(1, 100, 3000, 20_000, 100_000) }
    mutating func partition() -> Int32 { one(0, 1, 2, 3, 4, -1, .max, .min) }

    mutating func topics() -> TopicsSnapshot {
        var counts: [String: Int32] = [:]
        for name in ["a", "b", "c"] where number(0...3) > 0 { counts[name] = number(0...5) }
        return ConsumerGroupBench.topics(counts)
    }

    mutating func shares() -> [TopicShare] {
        (0..<number(0...3)).map { _ in
            TopicShare(
                topic: ConsumerGroupBench.key(one("a", "b", "z")),
                partitions: (0..<number(0...4)).map { _ in partition() })
        }
    }

    mutating func names() -> [String] { (0..<number(0...4)).map { _ in one("a", "b", "c", "", "none") } }
    mutating func pattern() -> String? { one(nil, nil, "", "a|b", ".*", "(", "[^b]") }

    mutating func heartbeat() -> ConsumerHeartbeat {
        ConsumerHeartbeat(
            request: RequestID(0), memberID: memberID(), freshMemberID: MemberID("f\(number(0...1_000_000))"),
            epoch: GroupEpoch(epoch()), instanceID: instanceID(), rackID: one(nil, "r", ""), clientID: "c",
            clientHost: "h", rebalanceTimeout: one(nil, 0, 1000, 30_000, .max, -1),
            topicNames: number(0...1) == 0 ? nil : names(), topicPattern: pattern(),
            assignor: one(nil, nil, "range", "uniform", "?"),
            owned: one(nil, [], shares()), requiresMemberID: number(0...1) == 0)
    }

    mutating func record() -> ConsumerGroupRecord {
        let id = memberID()
        switch number(0...9) {
        case 0, 1: return .group(GroupEpoch(epoch()), topicsHash: 0)
        case 2: return .targetEpoch(GroupEpoch(epoch()))
        case 3, 4, 5:
            return .member(
                id,
                ConsumerGroupRecord.Member(
                    instanceID: instanceID(), rackID: nil, clientID: "c", clientHost: "h", topicNames: names(),
                    topicPattern: pattern(), rebalanceTimeout: one(-1, 0, 30_000, .max, .min),
                    assignor: one(nil, "range", "?")))
        case 6, 7: return .target(id, shares())
        default:
            return .current(
                id,
                ConsumerGroupRecord.Current(
                    epoch: GroupEpoch(epoch()), previousEpoch: GroupEpoch(epoch()),
                    progress: one(.stable, .stable, .unrevoked, .unreleased), assigned: shares(),
                    pendingRevocation: number(0...2) > 0 ? [] : shares()))
        }
    }
}
