import Foundation
import TestSupport
import Testing

@testable import EventLog

/// Random lives of committed offsets: see `OffsetsHistory`. `MARTLET_HISTORIES` says how many, `MARTLET_HISTORY_SEED`
/// where the seeds begin.
@Suite("Histories of offsets", .timeLimit(.minutes(10)))
struct OffsetsHistoryTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let count = environment["MARTLET_HISTORIES"].flatMap { Int($0) } ?? 20
    private static let firstSeed =
        environment["MARTLET_HISTORY_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1_000_000_000)

    @Test(
        "a group is what was last acknowledged or a later attempt as a whole, whatever fails, and snapshots say so too")
    func histories() {
        print("\(Self.count) histories of offsets from seed \(Self.firstSeed)")
        var (acknowledged, snapshots) = (0, 0)
        for seed in Self.firstSeed..<Self.firstSeed + UInt64(Self.count) {
            let history = OffsetsHistory(seed: seed)
            do { try history.run(sessions: 8) } catch {
                Issue.record("seed \(seed): \(error)\n\(history.events.joined(separator: "\n"))")
                return
            }
            acknowledged += history.acknowledgedCount
            snapshots += history.snapshotCount
        }
        print("\(acknowledged) changes were acknowledged, \(snapshots) times a snapshot helped to open")
        #expect(acknowledged > Self.count)
        #expect(snapshots > 0)
    }
}
