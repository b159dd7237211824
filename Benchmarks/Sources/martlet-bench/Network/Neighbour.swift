import Foundation
import Synchronization

/// Another client of a broker that is under load: small requests, a millisecond after the answer to the one before.
final class Neighbour: @unchecked Sendable {
    // Unchecked: all but the flags is the thread's until it has ended.
    private let connection: WireConnection
    private let request: WireRequest
    private var milliseconds: [Double] = []
    private var failure: (any Error)?
    private let isStopping = Atomic(false)
    private let hasEnded = DispatchSemaphore(value: 0)

    /// - Parameter batch: what it sends each time.
    init(of address: WireAddress, topic: String, batch: [UInt8]) throws {
        connection = try WireConnection(to: address)
        request = .produce(batch, acks: 1, to: [(topic, Int32(0))])
        Thread.detachNewThread { [self] in
            do { try run() } catch { failure = error }
            hasEnded.signal()
        }
    }

    private func run() throws {
        while !isStopping.load(ordering: .acquiring) {
            let start = ContinuousClock.now
            try ProduceAnswer.check(connection.call(request, ProduceAnswer.codes))
            milliseconds.append((ContinuousClock.now - start) / .milliseconds(1))
            usleep(1000)
        }
    }

    /// Ends it, and says how long 99 of 100 answers took at most, in milliseconds.
    func stop() throws -> Double {
        isStopping.store(true, ordering: .releasing)
        hasEnded.wait()
        if let failure { throw failure }
        guard !milliseconds.isEmpty else { throw BenchmarkError.didNothing("the neighbour had no answer") }
        return milliseconds.percentile(99)
    }
}
