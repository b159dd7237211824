import Foundation
import Storage
import TestSupport
import Testing

@testable import EventLog

@Suite("Repair")
struct RepairTests {
    /// Three batches in three segments, the last one's among them.
    private struct Harmed {
        var disk: SimulatedDisk
        var places: [DamageTests.Place] = []
        /// The bytes of each as they are now.
        var bytes: [[UInt8]] = []
        var values: [String] = []
    }

    private static func harm() throws -> Harmed {
        let disk = try DamageTests.makeDisk()
        let all = try DamageTests.places(disk)
        var harmed = Harmed(disk: disk)
        for (number, part) in [(4, DamageTests.Part.record), (25, .length), (all.count - 1, .magic)] {
            let place = all[number]
            try DamageTests.harm(disk, place.path, at: place.position + part.rawValue)
            harmed.places.append(place)
            harmed.bytes.append(
                try disk.open(place.path, .read).read(upTo: place.byteCount, at: place.position))
        }
        // As a machine that was started again has it: all of it is durable.
        harmed.disk = disk.kill()
        try harmed.disk.synchronizeAll("/data")
        let lost = Set(harmed.places.flatMap { $0.offset..<$0.offset + DamageTests.perBatch })
        harmed.values = (0..<DamageTests.count).filter { !lost.contains($0) }.map(DamageTests.value)
        return harmed
    }

    @discardableResult
    private static func repair(_ disk: SimulatedDisk, _ lines: LogLines = LogLines()) throws -> LogRepair {
        let log = try DamageTests.open(disk, lines)
        let repair = try LogRepair.run(on: log)
        try log.close()
        return repair
    }

    /// What is left of it is whole, and offsets are what they were.
    private static func expectRepaired(_ disk: SimulatedDisk, _ harmed: Harmed, _ what: Comment) throws {
        let lines = LogLines()
        let log = try DamageTests.open(disk, lines)
        let partition = try #require(log.topic("t")).partitions[0]
        #expect(try partition.values() == harmed.values, what)
        #expect(partition.end == Offset(Int64(DamageTests.count)), what)
        for segment in partition.segments { #expect(try segment.checkEveryBatch() == [], what) }
        let first = try partition.read(from: .offset(Offset(Int64(harmed.places[0].offset))), maxRecords: 1).first
        #expect(first?.offset == Offset(Int64(harmed.places[0].offset + DamageTests.perBatch)), what)
        #expect(try partition.append(Record(value: "next")) == Offset(Int64(DamageTests.count)), what)
        #expect(lines.count(containing: "damage") == 0, what)
        try log.close()
        // Byte for byte.
        let names = try disk.list("/data/lost")
        for bytes in harmed.bytes {
            #expect(names.contains { disk.contents("/data/lost/\($0)") == bytes }, what)
        }
    }

    @Test("what is damaged is moved aside, and the rest is served at its offsets")
    func moved() throws {
        let harmed = try Self.harm()
        let result = try Self.repair(harmed.disk)
        #expect(result.left == [])
        #expect(result.moved.map(\.position) == harmed.places.map(\.position))
        #expect(result.moved.map(\.file) == harmed.places.map(\.path))
        #expect(result.moved.map(\.byteCount) == harmed.places.map(\.byteCount))
        #expect(result.moved.map(\.offsets.lowerBound.value) == harmed.places.map { Int64($0.offset) })
        #expect(result.moved.allSatisfy { $0.offsets.upperBound.distance(from: $0.offsets.lowerBound) == 5 })
        #expect(result.bytesChecked == result.byteCount)
        for moved in result.moved {
            let name = try #require(moved.savedAs)
            let list = String(decoding: try #require(harmed.disk.contents("/data/lost/README")), as: UTF8.self)
            #expect(
                list.contains("\(name.split(separator: "/").last ?? "?"): t-0, offsets \(moved.offsets.lowerBound) to"))
        }
        try Self.expectRepaired(harmed.disk, harmed, "repaired")
    }

    @Test("a repair of what is whole changes no segment and leaves nothing behind")
    func nothingToDo() throws {
        let disk = try DamageTests.makeDisk()
        let path = try #require(try DamageTests.places(disk).first).path
        let before = disk.contents(path)
        let result = try Self.repair(disk)
        #expect(result.moved == [] && result.left == [])
        #expect(disk.contents(path) == before)
        #expect(!disk.exists("/data/lost"))
    }

    @Test("missing segments are bridged, and a log whose first ones are missing starts later")
    func missing() throws {
        for numbers in [[1], [0], [0, 2], [2, 3]] {
            let disk = try DamageTests.makeDisk()
            let bases = SegmentFiles.baseOffsets(in: try disk.list("/data/t-0"))
            for number in numbers { try disk.remove("/data/t-0/\(SegmentFiles.log(bases[number]))") }
            let before = try DamageTests.open(disk)
            let values = try #require(before.topic("t")).partitions[0].valuesAndDamage().0
            try before.close()
            let result = try Self.repair(disk)
            #expect(result.left == [] && result.moved.allSatisfy { $0.savedAs == nil }, "\(numbers)")
            let log = try DamageTests.open(disk)
            let partition = try #require(log.topic("t")).partitions[0]
            #expect(try partition.values() == values, "\(numbers)")
            #expect(partition.logStart == (numbers[0] == 0 ? bases[1] : 0))
            #expect(partition.end == Offset(Int64(DamageTests.count)))
            try log.close()
        }
    }

    private static let operations: Int = {
        guard let harmed = try? harm(), (try? repair(harmed.disk)) != nil else { return 0 }
        return harmed.disk.operations
    }()

    @Test(
        "power may be lost at each operation of a repair: nothing whole is lost, and it can be done again",
        arguments: 0..<4)
    func powerCuts(part: Int) throws {
        let harmed = try Self.harm()
        let first = harmed.disk.operations
        #expect(Self.operations - first > 60)
        for cut in stride(from: first + 1 + part, through: Self.operations, by: 4) {
            let disk = harmed.disk.kill()
            disk.add(SimulatedDisk.Fault(at: cut - first, .powerCut))
            _ = try? Self.repair(disk)
            let what: Comment = "power cut at operation \(cut - first)"
            for left in [disk.crash(seed: UInt64(cut)), disk.crash(seed: UInt64(cut) &* 31)] {
                let log = try DamageTests.open(left)
                let (values, damage) = try #require(log.topic("t")).partitions[0].valuesAndDamage()
                #expect(values == harmed.values, what)
                // A batch is where it was, or kept.
                for (place, bytes) in zip(harmed.places, harmed.bytes)
                where !damage.contains(where: { $0.contains(place.offset) }) {
                    let names = try left.list("/data/lost")
                    #expect(names.contains { left.contents("/data/lost/\($0)") == bytes }, what)
                }
                try log.close()
                try Self.repair(left)
                try Self.expectRepaired(left, harmed, what)
            }
        }
    }

    @Test("kafka-python gets over the place", .enabled(if: KafkaPython.interpreter != nil, "\(KafkaPython.missing)"))
    func kafkaPython() throws {
        let harmed = try Self.harm()
        try Self.repair(harmed.disk)
        var bytes: [UInt8] = []
        for base in SegmentFiles.baseOffsets(in: try harmed.disk.list("/data/t-0")) {
            bytes += harmed.disk.contents("/data/t-0/\(SegmentFiles.log(base))") ?? []
        }
        let folder = TemporaryDirectory()
        try folder.write(bytes, to: "segments")
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Vectors/batches/read_filtered.py").path
        let (status, output) = try KafkaPython.run([script, "\(folder.path)/segments"])
        #expect(status == 0, "\(output.suffix(2000))")
        let lines = output.split(separator: "\n")
        #expect(lines.count { !$0.hasPrefix("batch") } == harmed.values.count)
        #expect(lines.count { $0.hasPrefix("batch") } == DamageTests.batches)
    }
}
