import Storage
import TestSupport
import Testing

@testable import EventLog

@Suite("How much may be kept of what groups commit", .timeLimit(.minutes(10)))
struct OffsetsBudgetTests {
    private static let author = ConsumerOffsetsTests.author

    /// A log of one topic whose offsets lie in three partitions.
    private func withOffsets(
        in directory: TemporaryDirectory = .inMemory(), _ body: (EventLog, ConsumerOffsets) throws -> Void
    ) throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions { $0.runsHousekeeping = false })
        for name in ["readings", "events"] where log.topic(name) == nil { try log.createTopic(name) }
        let offsets = try log.consumerOffsets()
        try offsets.prepare(partitionCount: 3)
        try body(log, offsets)
        try log.close()
    }

    private func commit(_ partition: Int32 = 0, _ topic: String = "readings", metadata: Int = 0) -> GroupChange {
        let committed = CommittedOffset(1, metadata: String(repeating: "m", count: metadata))
        return GroupChange([.offset(topic: topic, partition: partition, committed)], by: Self.author)
    }

    /// What there is, counted from scratch.
    private func recount(_ offsets: ConsumerOffsets) -> Int { offsets.groups.reduce(0) { $0 + $1.byteCount } }

    // MARK: The budget

    @Test("room is taken up to the limit and not past it; what does not grow always has some")
    func budget() {
        let budget = OffsetsBudget()
        #expect(budget.take(100, growth: 100))
        budget.limit(to: 150)
        #expect(!budget.take(51, growth: 51) && budget.byteCount == 100)
        #expect(budget.take(80, growth: 50) && budget.byteCount == 180)
        #expect(!budget.take(1, growth: 1) && budget.take(1, growth: 0) && budget.take(1, growth: -5))
        budget.add(-182)
        #expect(budget.byteCount == 0 && budget.hasRoom(for: 150) && !budget.hasRoom(for: 151))
    }

    @Test("several threads together take no more than there is")
    func threads() {
        let budget = OffsetsBudget()
        budget.limit(to: 10_000)
        let threads = (0..<8).map { _ in
            WorkerThread(name: "takes") { for _ in 0..<2000 { _ = budget.take(3, growth: 3) } }
        }
        for thread in threads { thread.join() }
        #expect(budget.byteCount == 9999)
    }

    @Test("a thing counts for at least its places in tables that are filled least")
    func layouts() {
        // A table of the standard library that has just grown is filled to three eighths.
        func places(_ byteCount: Int) -> Int { (byteCount * 8 + 2) / 3 }
        let offset = MemoryLayout<Int32>.size + MemoryLayout<CommittedOffset>.stride
        #expect(places(offset) <= OffsetsSize.offset(CommittedOffset(1)))
        let topic = MemoryLayout<String>.stride + MemoryLayout<[Int32: CommittedOffset]>.stride
        // With the head of a table, and that of a text.
        #expect(places(topic) + 128 <= OffsetsSize.topic(""))
        let group = MemoryLayout<String>.stride + MemoryLayout<StoredGroup>.stride
        #expect(places(group) + 128 <= OffsetsSize.group(""))
    }

    @Test("a table of which little is left gives its places back, and keeps what it has")
    func shrinking() {
        var table = Dictionary(uniqueKeysWithValues: (0..<10_000).map { ($0, "\($0)") })
        let before = table.capacity
        for key in 100..<10_000 {
            table[key] = nil
            table.shrink()
        }
        #expect(before >= 10_000 && table.capacity <= 400)
        #expect(table == Dictionary(uniqueKeysWithValues: (0..<100).map { ($0, "\($0)") }))
        table = [:]
        table.shrink()
        #expect(table.capacity == 0)
    }

    // MARK: What is refused

    @Test("past the limit nothing new is stored and nothing longer; what is as long is, and groups are deleted")
    func refusals() throws {
        try withOffsets { _, offsets in
            try offsets.store(commit(metadata: 100), in: "a")
            try offsets.store(commit(), in: "b")
            let full = offsets.byteCount
            offsets.limit(to: full)
            for change in [commit(1), commit(0, "events"), commit(metadata: 101)] {
                #expect(throws: LogError.offsetsFull(limit: full)) { try offsets.store(change, in: "a") }
            }
            #expect(throws: LogError.offsetsFull(limit: full)) { try offsets.store(commit(), in: "c") }
            #expect(offsets.shortage(for: commit(1).entries, in: "a") == .offsetsFull(limit: full))
            #expect(offsets.shortage(for: commit(metadata: 100).entries, in: "a") == nil)
            #expect(!offsets.hasRoom(forGroup: "c"))
            try offsets.store(commit(metadata: 100), in: "a")
            #expect(offsets.byteCount == full && recount(offsets) == full)
            // What shrinks gives room, also to another partition of the topic.
            try offsets.store(commit(metadata: 4), in: "a")
            try offsets.store(commit(metadata: 0), in: "a")
            try offsets.store(commit(1), in: "a")
            let removal = GroupChange(try #require(offsets.group("b")).removal, by: Self.author)
            try offsets.store(removal, in: "b")
            try offsets.store(commit(), in: "c")
            #expect(offsets.groupIDs == ["a", "c"] && offsets.byteCount <= full)
        }
    }

    @Test("a directory that holds more than there may be is loaded, and what it holds is replaced")
    func lowered() throws {
        let directory = TemporaryDirectory.inMemory()
        try withOffsets(in: directory) { _, offsets in
            for group in ["a", "b", "c"] { try offsets.store(commit(metadata: 500), in: group) }
        }
        for _ in 0..<2 {
            try withOffsets(in: directory) { _, offsets in
                offsets.limit(to: 1)
                #expect(offsets.groupIDs == ["a", "b", "c"] && offsets.byteCount == recount(offsets))
                for group in ["a", "b", "c"] { try offsets.store(commit(metadata: 500), in: group) }
                #expect(throws: LogError.offsetsFull(limit: 1)) { try offsets.store(commit(1), in: "a") }
            }
        }
    }

    @Test("what is on its way counts: removing and committing again in one round makes no room for others")
    func onItsWay() throws {
        try withOffsets { log, offsets in
            try offsets.store(commit(metadata: 1000), in: "a")
            try offsets.store(commit(), in: "b")
            let full = offsets.byteCount
            offsets.limit(to: full)
            log.committer.stop()
            var last: AppendTicket?
            for change in [
                GroupChange([.removeOffset(topic: "readings", partition: 0)], by: Self.author),
                commit(metadata: 1000),
            ] {
                guard case .accepted(let ticket) = offsets.append(change, to: "a") else { throw LogError.closed }
                last = ticket
            }
            #expect(throws: LogError.offsetsFull(limit: full)) { try offsets.stage(commit(1), in: "b") }
            log.committer.waitLeading(for: try #require(last).round)
            #expect(offsets.byteCount == full && recount(offsets) == full)
        }
    }

    // MARK: What is counted

    @Test(
        "whatever is committed, removed, moved and loaded, what counts is what there is, and never past the limit",
        arguments: 0..<6)
    func histories(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let directory = TemporaryDirectory.inMemory()
        var refused = 0
        for _ in 0..<6 {
            try withOffsets(in: directory) { log, offsets in
                #expect(offsets.byteCount == recount(offsets))
                let limit = max(12_000, offsets.byteCount)
                offsets.limit(to: limit)
                log.committer.stop()
                for _ in 0..<30 {
                    let groups = offsets.groups
                    var last: UInt64 = 0
                    for _ in 0..<Int.random(in: 1...6, using: &random) {
                        let id = ["a", "b", "c", "d"].randomElement(using: &random) ?? ""
                        let change = change(of: groups.first { $0.id == id }, &random)
                        switch offsets.append(change, to: id) {
                        case .accepted(let ticket): last = ticket.round
                        case .rejected(.offsetsFull): refused += 1
                        case let outcome: Issue.record("\(outcome)")
                        }
                    }
                    log.committer.waitLeading(for: last)
                    let counted = offsets.byteCount
                    #expect(counted == recount(offsets))
                    #expect(counted <= limit)
                }
                if Bool.random(using: &random) { offsets.writeSnapshots(always: true) }
                if Int.random(in: 0..<3, using: &random) == 0 { try log.deleteTopic("events") }
                try offsets.expire(
                    offsets.expiring(before: Timestamp(milliseconds: Int64.random(in: 0...2, using: &random))))
                #expect(offsets.byteCount == recount(offsets))
            }
        }
        #expect(refused > 0)
    }

    /// One that some groups make every now and then.
    private func change(of group: StoredGroup?, _ random: inout SeededRandom) -> GroupChange {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: return GroupChange(group?.removal ?? [.removeOffset(topic: "readings", partition: 0)], by: Self.author)
        // Who joins a new group is asked elsewhere whether there is room for it.
        case 1 where group != nil:
            let state = ClassicGroupState(
                protocolType: "consumer", generation: 1, protocolName: nil, leader: nil, members: [])
            return GroupChange([.classicState(state)], by: Self.author)
        default:
            let entries = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                let partition = Int32.random(in: 0..<8, using: &random)
                guard Int.random(in: 0..<5, using: &random) > 0 else {
                    return GroupEntry.removeOffset(topic: "readings", partition: partition)
                }
                let text = String(repeating: "m", count: [0, 0, 10, 900].randomElement(using: &random) ?? 0)
                return .offset(
                    topic: Bool.random(using: &random) ? "readings" : "events", partition: partition,
                    CommittedOffset(1, metadata: text, timestamp: Timestamp(milliseconds: 1)))
            }
            return GroupChange(entries, by: Self.author)
        }
    }
}
