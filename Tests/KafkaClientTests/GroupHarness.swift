import Synchronization
import Testing

@testable import KafkaClient

/// Members of a group that read numbers, and what each has read: for tests of groups on any broker.
final class GroupHarness: Sendable {
    let client: KafkaClient
    let group: String
    let topics: [String]
    /// Instead of what a member's options say.
    private let sessionTimeout: Duration?
    private let state = Mutex(State())

    private struct State {
        /// How often each number was read.
        var counts: [Int: Int] = [:]
        var events: [String: [RebalanceEvent]] = [:]
    }

    init(
        _ client: KafkaClient, group: String = "team", topics: [String] = ["readings"], sessionTimeout: Duration? = nil
    ) {
        self.client = client
        self.group = group
        self.topics = topics
        self.sessionTimeout = sessionTimeout
    }

    /// As quick as tests want it.
    static func options(
        _ assignors: [GroupAssignor] = [.cooperativeSticky], _ change: (inout GroupConsumerOptions) -> Void = { _ in }
    ) -> GroupConsumerOptions {
        var options = GroupConsumerOptions()
        options.assignors = assignors
        // Nobody is given up because the machine is slow.
        options.sessionTimeout = .seconds(120)
        options.heartbeatInterval = .milliseconds(100)
        options.autoCommitInterval = .milliseconds(200)
        options.fetch.maxWait = .milliseconds(50)
        options.fetch.retryBackoff = .milliseconds(20)
        change(&options)
        return options
    }

    /// A member that reads until it is closed.
    final class Member: Sendable {
        let name: String
        let consumer: GroupConsumer
        let task: Task<Void, any Error>

        init(_ name: String, _ consumer: GroupConsumer, _ task: Task<Void, any Error>) {
            self.name = name
            self.consumer = consumer
            self.task = task
        }

        /// Done with what it has, and out of the group.
        func leave() async throws {
            task.cancel()
            do { try await task.value } catch KafkaClientError.cancelled {}
            await consumer.close()
        }
    }

    func join(
        _ name: String, _ options: GroupConsumerOptions = options(),
        work: (@Sendable (ConsumedBatch) async throws -> Void)? = nil
    ) throws -> Member {
        var options = options
        if let sessionTimeout { options.sessionTimeout = sessionTimeout }
        let consumer = try client.makeGroupConsumer(group: group, topics: topics, options: options) {
            [weak self] _, event in
            self?.state.withLock { $0.events[name, default: []].append(event) }
        }
        let task = Task {
            while let batch = try await consumer.next() {
                try await work?(batch)
                for record in try batch.records() {
                    guard let number = record.valueText.flatMap({ Int($0) }) else { continue }
                    state.withLock { $0.counts[number, default: 0] += 1 }
                }
            }
        }
        return Member(name, consumer, task)
    }

    var counts: [Int: Int] { state.withLock { $0.counts } }
    func events(of name: String) -> [RebalanceEvent] { state.withLock { $0.events[name] ?? [] } }

    /// Waits until every number below `count` has been read, and says how many were read more than once.
    @discardableResult
    func waitForNumbers(_ count: Int) async throws -> Int {
        try await wait("numbers up to \(count)") { self.counts.count >= count }
        let counts = counts
        #expect(Set(counts.keys) == Set(0..<count))
        return counts.values.count { $0 > 1 }
    }

    /// Waits until the members have all partitions, evenly where that is asked for.
    func waitForShares(_ members: [Member], partitions count: Int, isEven: Bool = true) async throws {
        try await wait("shares of \(members.count) members") {
            let shares = members.map { $0.consumer.partitions }
            let all = shares.flatMap { $0 }
            guard all.count == count, Set(all).count == count else { return false }
            return !isEven || (shares.map(\.count).max() ?? 0) - (shares.map(\.count).min() ?? 0) <= 1
        }
    }

    struct TimedOut: Error, CustomStringConvertible {
        let description: String
    }

    /// Long, for machines that are busy.
    func wait(_ what: String, _ condition: () async -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(120)
        while !(await condition()) {
            guard ContinuousClock.now < deadline else { throw TimedOut(description: "waited in vain for \(what)") }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Writes numbers to the topic, one partition after the other.
    func produce(_ numbers: Range<Int>, partitions: Int, to topic: String = "readings") async throws {
        var options = ProducerOptions()
        options.batchBytesMax = 500
        options.isIdempotent = false
        options.requestsInFlightMax = 1
        let producer = client.makeProducer(options: options)
        for number in numbers {
            try await producer.enqueue(Record(value: "\(number)"), to: topic, partition: number % partitions)
        }
        try await producer.close()
    }
}
