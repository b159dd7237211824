import EventLog
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import Broker

@Suite("Waiting for rounds", .timeLimit(.minutes(10)))
struct RoundWaitListTests {
    @Test("whoever waits for a round is called once, however fast the rounds follow each other")
    func everyoneIsCalled() async throws {
        let directory = TemporaryDirectory.inMemory()
        let log = try EventLog.open(at: directory.path)
        let partition = try log.createTopic("readings").partitions[0]
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = BrokerLoop(group.next(), log, limits: Limits(), memory: MemoryBudget(limit: 1 << 20))
        let (threads, appendsEach) = (4, 5000)
        let (calls, caller) = AsyncStream.makeStream(of: Void.self)
        await withTaskGroup { tasks in
            for _ in 0..<threads {
                tasks.addTask {
                    for _ in 0..<appendsEach { Self.append(to: partition, loop) { caller.yield() } }
                }
            }
        }
        // A call that is missing lets this wait until the suite's time is up.
        var seen = 0
        for await _ in calls {
            seen += 1
            if seen == threads * appendsEach { break }
        }
        #expect(seen == threads * appendsEach)
        try await group.shutdownGracefully()
        try log.close()
    }

    private static func append(to partition: Partition, _ loop: BrokerLoop, then called: @escaping @Sendable () -> Void)
    {
        guard let batch = try? Batch("x") else { return }
        batch.bytes.withUnsafeBytes { bytes in
            guard let header = try? RecordBatchHeader(parsing: bytes.bytes) else { return }
            switch partition.append(bytes, header: header) {
            case .accepted(let ticket), .duplicate(let ticket): loop.afterRound(ticket.round, called)
            case .full(let round): loop.afterRound(round, called)
            case .rejected(let error): Issue.record(error)
            }
        }
    }
}
