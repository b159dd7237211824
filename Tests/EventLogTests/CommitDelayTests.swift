import Storage
import TestSupport
import Testing

@testable import EventLog

@Suite("Waiting for those who append again")
struct CommitDelayTests {
    let directory = TemporaryDirectory()

    @Test("nobody waits for one caller; for many, longer, and never longer than a millisecond")
    func patience() {
        var delay = CommitDelay()
        var nanoseconds = [0, 1, 2, 200].map { delay.next(callers: $0, roundNanoseconds: 200_000) }
        nanoseconds.append(delay.next(callers: 1_000_000, roundNanoseconds: .max))
        #expect(nanoseconds == [nil, nil, 104_000, 500_000, 1_000_000])
    }

    @Test("where callers do not come back it is tried after 1, 2, 4 and at last 1,024 rounds; once they do, at each")
    func backoff() {
        var delay = CommitDelay()
        func skipped() -> Int {
            var count = 0
            while delay.next(callers: 8, roundNanoseconds: 200_000) == nil { count += 1 }
            return count
        }
        #expect(skipped() == 0)
        var expected = 1
        for _ in 0..<14 {
            delay.note(allCame: false)
            #expect(skipped() == expected)
            expected = min(1024, expected * 2)
        }
        delay.note(allCame: true)
        #expect(skipped() == 0)
        delay.note(allCame: false)
        #expect(skipped() == 1)
    }

    @Test("callers who go one by one, and others who block, all get what they wait for")
    func leavingCallers() async throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let partition = try log.createTopic("t").partitions[0]
        let blocking = WorkerThread(name: "blocking") {
            for _ in 0..<100 { _ = try? partition.append(Record(value: [3])) }
        }
        // Each makes ten appends more than the one before: from round to round fewer come back.
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for caller in 1...16 {
                tasks.addTask { for _ in 0..<caller * 10 { try await partition.append(Record(value: [1])) } }
            }
            try await tasks.waitForAll()
        }
        blocking.join()
        #expect(try await partition.append(Record(value: [2])) == 1460)
        try log.close()
    }
}
