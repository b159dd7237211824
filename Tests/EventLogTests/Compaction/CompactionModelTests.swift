import RecordFormat
import TestSupport
import Testing

@testable import EventLog

/// Random lives of a compacted partition: whatever comes, the last record of each key is there, in its place.
@Suite struct CompactionModelTests {
    private func live(
        seed: UInt64, keyCount: Int, _ limits: CompactionLimits = CompactionLimits(), steps: Int = 60
    ) throws {
        var life = try CompactionLife(seed: seed, keyCount: keyCount, limits)
        for _ in 0..<steps {
            switch Int.random(in: 0..<12, using: &life.random) {
            case 0..<7: for _ in 0..<8 { try life.append() }
            case 7..<9:
                try life.compact()
                try life.check(isCompacted: true)
            case 9: life.sleep(Int64.random(in: 0...CompactionLife.deleteRetention, using: &life.random))
            case 10: try life.reopen(CompactionLife.Reopening.allCases.randomElement(using: &life.random) ?? .closed)
            default: try life.checkProducers()
            }
            try life.check()
        }
        try life.compact()
        try life.check(isCompacted: true)
        try life.reopen(.withoutCheckpoints)
        try life.check()
        try life.checkProducers()
    }

    @Test("the last record of each key is there, and what it replaces is not", arguments: 1...8)
    func anyLife(seed: Int) throws {
        try live(seed: UInt64(seed), keyCount: 30)
    }

    @Test("the same in many passes, where few keys fit into the map", arguments: [1, 2, 7])
    func tinyMap(keysMax: Int) throws {
        try live(seed: UInt64(100 + keysMax), keyCount: 40, CompactionLimits(keysMax: keysMax), steps: 25)
    }

    @Test("the same where the memory for offsets that stay has a bit for several", arguments: [8, 16])
    func sharedBits(bytes: Int) throws {
        try live(seed: UInt64(150 + bytes), keyCount: 30, CompactionLimits(liveBytesMax: bytes), steps: 30)
    }

    @Test("the same where keys are many and hardly anything is replaced")
    func manyKeys() throws {
        try live(seed: 200, keyCount: 100_000, steps: 30)
    }

    @Test("tombstones stay for delete.retention.ms, counted from when they are compacted first, and go then")
    func tombstones() throws {
        var life = try CompactionLife(seed: 300, keyCount: 5)
        // One that nothing replaces, before all that may.
        try life.append([Record(key: Array("gone".utf8), value: nil)], producer: -1, .none)
        for _ in 0..<100 { try life.append() }
        life.sleep(10 * CompactionLife.deleteRetention)
        try life.compact()
        try life.check(isCompacted: true)
        let count = try life.tombstoneCount
        #expect(count > 0)
        life.sleep(CompactionLife.deleteRetention - 1)
        #expect(life.log.compactNow().passes.isEmpty)
        #expect(try life.tombstoneCount == count)
        // Nor where there is something else to do.
        for _ in 0..<100 { try life.append([Record(key: [0], value: [1])], producer: -1, .none) }
        #expect(try life.compact().isComplete)
        try life.check(isCompacted: true)
        life.sleep(1)
        try life.compact()
        try life.check(isCompacted: true)
        // What is not sealed yet keeps its own.
        #expect(try life.tombstoneCount < count)
        #expect(life.partition.nextHorizon == .none)
    }

    @Test("a batch that nobody can decode stays whole, and tombstones behind it stay", arguments: 0..<4)
    func opaque(seed: Int) throws {
        var life = try CompactionLife(seed: UInt64(400 + seed), keyCount: 6)
        for _ in 0..<6 {
            for _ in 0..<20 { try life.append() }
            try life.appendOpaque()
            life.sleep(CompactionLife.deleteRetention)
            try life.compact()
            try life.check(isCompacted: true)
        }
        #expect(try life.recordCount < life.appendedCount / 2)
    }

    @Test("what is compacted can be copied on by the next pass, without growing")
    func again() throws {
        var life = try CompactionLife(seed: 500, keyCount: 20)
        for _ in 0..<10 {
            for _ in 0..<60 { try life.append() }
            try life.compact()
            try life.check(isCompacted: true)
            #expect(life.partition.segments.count < 12)
        }
        // Nothing is new: nothing is done.
        #expect(life.log.compactNow().passes.isEmpty)
    }
}
