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
        "a group is what was last acknowledged or a later attempt as a whole, whatever fails, snapshots and compaction")
    func histories() {
        print("\(Self.count) histories of offsets from seed \(Self.firstSeed)")
        var (acknowledged, snapshots, dropped) = (0, 0, 0)
        for seed in Self.firstSeed..<Self.firstSeed + UInt64(Self.count) {
            let history = OffsetsHistory(seed: seed)
            do { try history.run(sessions: 8) } catch {
                Issue.record("seed \(seed): \(error)\n\(history.events.joined(separator: "\n"))")
                return
            }
            acknowledged += history.acknowledgedCount
            snapshots += history.snapshotCount
            dropped += history.droppedCount
        }
        print(
            "\(acknowledged) changes were acknowledged, \(snapshots) times a snapshot helped to open, and compaction "
                + "took \(dropped) records")
        #expect(acknowledged > Self.count)
        #expect(snapshots > 0)
        #expect(dropped > Self.count)
    }
}
