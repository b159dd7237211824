import Foundation
import TestSupport
import Testing

@testable import EventLog

/// Random lives of a data directory: see `History`. `MARTLET_HISTORIES` says how many, `MARTLET_HISTORY_SEED` where the
/// seeds begin.
@Suite struct HistoryTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let count = environment["MARTLET_HISTORIES"].flatMap { Int($0) } ?? 12
    private static let firstSeed =
        environment["MARTLET_HISTORY_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1_000_000_000)

    @Test func acknowledgedRecordsOutliveEveryHistory() {
        print("\(Self.count) histories from seed \(Self.firstSeed)")
        var acknowledged = 0
        for seed in Self.firstSeed..<Self.firstSeed + UInt64(Self.count) {
            let history = History(seed: seed)
            do { try history.run(sessions: 8) } catch {
                Issue.record("seed \(seed): \(error)\n\(history.events.joined(separator: "\n"))")
                return
            }
            acknowledged += history.acknowledgedCount
        }
        #expect(acknowledged > Self.count)
    }
}
