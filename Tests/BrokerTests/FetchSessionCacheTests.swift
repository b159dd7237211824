import KafkaProtocol
import NIOCore
import Testing

@testable import Broker

@Suite("Room for fetch sessions")
struct FetchSessionCacheTests {
    private static let start = NIODeadline.uptimeNanoseconds(1 << 40)
    private static let long = TimeAmount.minutes(2)

    /// A full fetch of so many partitions, and an answer to it.
    private func open(_ cache: FetchSessionCache, partitions: Int32, at now: NIODeadline) -> Int32 {
        let request = FetchRequest.session(of: "readings", Array(0..<partitions))
        let response = FetchResponse {
            $0.responses = request.topics.map { topic in
                .init { $0.partitions = topic.partitions.map { _ in .init() } }
            }
        }
        return cache.open(request, answered: response, version: 12, now: now)
    }

    private func use(_ cache: FetchSessionCache, _ id: Int32, epoch: Int32, at now: NIODeadline) -> Bool {
        (try? cache.source(of: .goingOn(id, epoch: epoch), version: 12, now: now)) != nil
    }

    private func makeCache(_ change: (inout Limits) -> Void) -> FetchSessionCache { FetchSessionCache(.with(change)) }

    @Test("what was used within two minutes stays; after that, what was unused for longest goes")
    func idle() {
        let cache = makeCache { $0.fetchSessions = 2 }
        let first = open(cache, partitions: 1, at: Self.start)
        let second = open(cache, partitions: 1, at: Self.start + .seconds(1))
        #expect(open(cache, partitions: 1, at: Self.start + Self.long - .nanoseconds(1)) == 0)
        #expect(use(cache, first, epoch: 1, at: Self.start + .seconds(2)))
        let third = open(cache, partitions: 1, at: Self.start + .seconds(1) + Self.long)
        #expect(third != 0 && cache.count == 2)
        #expect(!use(cache, second, epoch: 1, at: Self.start + Self.long))
        #expect(use(cache, first, epoch: 2, at: Self.start + Self.long))
    }

    @Test("a larger session takes the place of the smallest, if that is two minutes old")
    func larger() {
        let cache = makeCache { $0.fetchSessions = 2 }
        let three = open(cache, partitions: 3, at: Self.start)
        let two = open(cache, partitions: 2, at: Self.start)
        let later = Self.start + Self.long
        for id in [three, two] { #expect(use(cache, id, epoch: 1, at: later)) }
        #expect(open(cache, partitions: 9, at: later - .nanoseconds(1)) == 0, "not old enough")
        #expect(open(cache, partitions: 2, at: later) == 0, "not larger")
        let nine = open(cache, partitions: 9, at: later)
        #expect(nine != 0 && !use(cache, two, epoch: 2, at: later) && use(cache, three, epoch: 2, at: later))
        // The new one is young: it stays, however large the next is.
        #expect(open(cache, partitions: 10, at: later) != 0 && !use(cache, three, epoch: 3, at: later))
        #expect(open(cache, partitions: 11, at: later) == 0)
        #expect(use(cache, nine, epoch: 1, at: later))
    }

    @Test("as many go as the partitions of the new one take")
    func several() {
        let cache = makeCache { $0.fetchSessionsPartitions = 10 }
        for _ in 0..<5 { #expect(open(cache, partitions: 2, at: Self.start) != 0) }
        #expect(open(cache, partitions: 7, at: Self.start + Self.long) != 0)
        #expect(cache.count == 2)
        #expect(open(cache, partitions: 11, at: Self.start + Self.long * 2) == 0, "more than there is room for at all")
    }

    @Test("after the largest epoch comes 1: 0 would begin a session")
    func epochs() {
        #expect(FetchSession.epoch(after: 0) == 1)
        #expect(FetchSession.epoch(after: 1) == 2)
        #expect(FetchSession.epoch(after: .max) == 1)
    }
}
