import Storage
import TestSupport
import Testing

@testable import EventLog

/// Damage to what was acknowledged, that the journal has no more.
@Suite("Damage")
struct DamageTests {
    static let perBatch = 5, batches = 60
    static let count = perBatch * batches

    /// A closed log of equal batches in a few segments, one index entry for several batches.
    static func makeDisk(_ more: [String: String] = [:]) throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        let log = try open(disk)
        let base = ["segment.bytes": "8192", "compression.type": "producer", "index.interval.bytes": "1000"]
        let topic = try log.createTopic("t", settings: settings(base.merging(more) { $1 }))
        for batch in 0..<batches {
            try topic.partitions[0].append(
                contentsOf: (0..<perBatch).map { i in
                    let number = batch * perBatch + i
                    return Record(
                        key: "k", value: value(number),
                        timestamp: Timestamp(milliseconds: 1_700_000_000_000 + Int64(number) * 1000))
                })
        }
        try log.close()
        return disk
    }

    static func value(_ number: Int) -> String { String(repeating: "0", count: 60 - "\(number)".count) + "\(number)" }

    static func open(_ disk: SimulatedDisk, _ lines: LogLines = LogLines()) throws -> EventLog {
        try EventLog.open(
            at: "/data",
            options: quietOptions {
                $0.environment.fileSystem = disk
                $0.runsHousekeeping = false
                $0.logger = lines.makeLogger()
            })
    }

    static func harm(_ disk: SimulatedDisk, _ path: String, at position: Int, _ mask: UInt8 = 0xFF) throws {
        let file = try disk.open(path, .update)
        let old = try file.read(upTo: 1, at: position)
        try file.write([old[0] ^ mask], at: position)
    }

    struct Place {
        var path: String
        var position: Int
        var byteCount: Int
        /// Of its first record.
        var offset: Int
    }

    /// Where the batches lie.
    static func places(_ disk: SimulatedDisk) throws -> [Place] {
        var places: [Place] = []
        for base in SegmentFiles.baseOffsets(in: try disk.list("/data/t-0")) {
            let path = "/data/t-0/\(SegmentFiles.log(base))"
            let file = try disk.open(path, .read)
            var walk = BatchWalk(file, from: 0, to: try file.size(), base: base)
            while let batch = try walk.next() {
                places.append(
                    Place(
                        path: path, position: batch.position, byteCount: batch.byteCount,
                        offset: Int(batch.baseOffset.value)))
            }
        }
        return places
    }

    static func read(_ partition: Partition, at offset: Int) -> Result<String?, LogError> {
        do throws(LogError) {
            return .success(try partition.read(from: .offset(Offset(Int64(offset))), maxRecords: 1).first?.valueText)
        } catch { return .failure(error) }
    }

    static func values(without damage: Range<Int>) -> [String] {
        (0..<count).filter { !damage.contains($0) }.map(value)
    }

    /// The parts of a header that lead on from batch to batch, one that says what follows, and a record.
    enum Part: Int, CaseIterable {
        case baseOffset = 0
        case offsetLow = 7
        case length = 10
        case lengthLow = 11
        case magic = 16
        case crc = 18
        case attributes = 22
        case lastOffset = 26
        case timestamp = 40
        case count = 60
        case record = 70
    }

    @Test("one bad byte costs the batch that it is in, and nothing else", arguments: Part.allCases)
    func oneBatch(part: Part) throws {
        let disk = try Self.makeDisk()
        let places = try Self.places(disk)
        #expect(places.count == Self.batches)
        // Of the first segment all, of the others some; the last batch of all as well.
        for number in Array(0..<22) + Array(stride(from: 22, to: places.count, by: 5)) + [places.count - 1] {
            let place = places[number]
            for mask: UInt8 in [0xFF, 0x01, 0x80] {
                let what: Comment = "\(part) of batch \(number), \(mask)"
                let left = disk.kill()
                try Self.harm(left, place.path, at: place.position + part.rawValue, mask)
                let lines = LogLines()
                let log = try Self.open(left, lines)
                let partition = try #require(log.topic("t")).partitions[0]
                #expect(partition.end == Offset(Int64(Self.count)), what)
                let damaged = place.offset..<place.offset + Self.perBatch
                let (values, damage) = try partition.valuesAndDamage()
                #expect(damage == [damaged], what)
                #expect(values == Self.values(without: damaged), what)
                // A fetch in the range is refused, one before it ends there, one behind it is served.
                for offset in damaged {
                    let error = #expect(throws: LogError.self, what) {
                        try partition.slice(from: Offset(Int64(offset)), maxBytes: 1 << 20, firstBatchWhole: true)
                    }
                    guard case .damagedRecords(let file, let position, let offsets, _) = error else {
                        Issue.record("\(what): \(error as Any)")
                        continue
                    }
                    #expect(file == place.path && position == place.position, what)
                    #expect(offsets.upperBound == Offset(Int64(damaged.upperBound)), what)
                }
                if number > 0, places[number - 1].path == place.path {
                    let slice = try #require(
                        try partition.slice(
                            from: Offset(Int64(place.offset - 1)), maxBytes: 1 << 20, firstBatchWhole: true))
                    #expect(slice.position + slice.byteCount == place.position, what)
                }
                if number + 1 < places.count {
                    let slice = try #require(
                        try partition.slice(
                            from: Offset(Int64(damaged.upperBound)), maxBytes: 1 << 20, firstBatchWhole: true))
                    #expect(slice.position == places[number + 1].position, what)
                }
                // Said once, however often it was met.
                #expect(lines.count(containing: "records are damaged") == 1, what)
                #expect(lines.count(containing: "file=\(place.path)") == 1, what)
                try log.close()
            }
        }
    }

    @Test(
        "who reads behind a batch that says it goes on there is not told of it",
        arguments: [0x01, 0x02, 0x08] as [UInt8])
    func overrun(mask: UInt8) throws {
        let disk = try Self.makeDisk()
        let places = try Self.places(disk)
        for number in 0..<16 where places[number + 1].path == places[number].path {
            let left = disk.kill()
            try Self.harm(left, places[number].path, at: places[number].position + Part.lastOffset.rawValue, mask)
            let next = places[number + 1]
            for offset in [next.offset, next.offset + 1] {
                // Nobody has met the damage.
                let log = try Self.open(left.kill())
                let partition = try #require(log.topic("t")).partitions[0]
                let slice = try partition.slice(
                    from: Offset(Int64(offset)), maxBytes: 1 << 20, firstBatchWhole: true)
                #expect(slice?.position == next.position, "offset \(offset)")
                #expect(Self.read(partition, at: offset) == .success(Self.value(offset)))
                try log.close()
            }
        }
    }

    @Test(
        "what looks like a batch in a record is not served where the batch around it has a wrong offset",
        arguments: [4, 40])
    func embedded(records: Int) throws {
        let disk = SimulatedDisk()
        var log = try Self.open(disk)
        let topic = try log.createTopic("t", settings: settings(["compression.type": "producer"]))
        var builder = RecordBatchBuilder(compression: .none)
        builder.append(Record(value: "inner"), defaultTimestamp: Timestamp(milliseconds: 0))
        try builder.finish(baseOffset: 3)
        let inner = builder.withUnsafeBytes { Array($0) }
        for number in 0..<records {
            try topic.partitions[0].append(
                Record(key: nil, value: number == 1 ? inner : Array(Self.value(number).utf8)))
        }
        try log.close()
        let place = try Self.places(disk)[1]
        try Self.harm(disk, place.path, at: place.position + Part.baseOffset.rawValue)
        log = try Self.open(disk)
        let (values, damage) = try #require(log.topic("t")).partitions[0].valuesAndDamage()
        #expect(values == (0..<records).filter { $0 != 1 }.map(Self.value))
        #expect(damage == [1..<2])
        try log.close()
    }

    /// What is wrong with one of two neighbours, while the other one's base offset is.
    private static let besideAnOffset: [Part] = [
        .length, .lengthLow, .magic, .crc, .attributes, .lastOffset, .timestamp, .count, .record,
    ]

    @Test("a wrong offset is not believed because its neighbour is damaged, too", arguments: besideAnOffset)
    func neighbours(part: Part) throws {
        let disk = try Self.makeDisk()
        let places = try Self.places(disk)
        // A header that says where the next one begins, or how many offsets it has, tells no more of that one's offset.
        let leadsOn = part.rawValue > Part.lastOffset.rawValue || part == .crc || part == .attributes
        for number in Array(1..<22) + [places.count - 2, places.count - 1] {
            for mask: UInt8 in [0x01, 0x04, 0x10, 0x40] {
                let isRaised = places[number].offset & Int(mask) == 0
                for other in [number - 1, number + 1] where other < places.count {
                    guard places[other].path == places[number].path, isRaised || leadsOn || other > number else {
                        continue
                    }
                    let what: Comment = "\(part) of batch \(other) beside \(number), \(mask)"
                    let left = disk.kill()
                    try Self.harm(
                        left, places[number].path, at: places[number].position + Part.offsetLow.rawValue, mask)
                    try Self.harm(left, places[other].path, at: places[other].position + part.rawValue)
                    let log = try Self.open(left)
                    let (values, damage) = try #require(log.topic("t")).partitions[0].valuesAndDamage()
                    let start = places[min(number, other)].offset
                    let harmed = start..<start + 2 * Self.perBatch
                    #expect(values == Self.values(without: harmed), what)
                    #expect(damage.first?.lowerBound == start && damage.last?.upperBound == harmed.upperBound, what)
                    try log.close()
                }
            }
        }
    }

    @Test("a reader that looks at headers alone finds the way on, in any order of look-ups", arguments: 0..<4)
    func lookups(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let disk = try Self.makeDisk()
        let places = try Self.places(disk)
        for _ in 0..<40 {
            let left = disk.kill()
            let place = places[Int.random(in: 0..<places.count, using: &random)]
            let part = Part.allCases.filter { $0 != .crc && $0 != .record }.randomElement(using: &random) ?? .magic
            try Self.harm(
                left, place.path, at: place.position + part.rawValue, UInt8.random(in: 1...255, using: &random))
            let log = try Self.open(left)
            let partition = try #require(log.topic("t")).partitions[0]
            let damaged = place.offset..<place.offset + Self.perBatch
            for offset in (0..<Self.count).shuffled(using: &random).prefix(40) {
                switch Self.read(partition, at: offset) {
                case .success(let text): #expect(text == Self.value(offset), "\(part) of \(place), offset \(offset)")
                case .failure(let error):
                    #expect(damaged.contains(offset), "\(part) of \(place), offset \(offset)")
                    #expect(error.goesOnAt == Offset(Int64(damaged.upperBound)))
                }
            }
            // By time: the first record from there on that can be read.
            for offset in (0..<Self.count).shuffled(using: &random).prefix(10) {
                let time = Timestamp(milliseconds: 1_700_000_000_000 + Int64(offset) * 1000)
                let found = try partition.offset(at: time)?.offset
                let expected = damaged.contains(offset) ? damaged.upperBound : offset
                #expect(found == (expected < Self.count ? Offset(Int64(expected)) : nil), "\(part) of \(place)")
            }
            try log.close()
        }
    }

    @Test("a stretch of zeros over several batches is one range, wherever it begins and ends", arguments: 0..<4)
    func stretches(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let disk = try Self.makeDisk()
        let places = try Self.places(disk)
        for _ in 0..<25 {
            let left = disk.kill()
            let first = Int.random(in: 0..<places.count - 1, using: &random)
            let inFile = places.indices.filter { places[$0].path == places[first].path && $0 >= first }
            let last = try #require(inFile.prefix(6).randomElement(using: &random))
            let from = places[first].position + Int.random(in: 0..<places[first].byteCount, using: &random)
            let to = max(
                from + 1, places[last].position + Int.random(in: 1...places[last].byteCount, using: &random))
            let file = try left.open(places[first].path, .update)
            let old = try file.read(upTo: to - from, at: from)
            // Zeros where there were zeros harm nothing.
            guard let begins = old.firstIndex(where: { $0 != 0 }), let ends = old.lastIndex(where: { $0 != 0 }) else {
                continue
            }
            try file.write([UInt8](repeating: 0, count: to - from), at: from)
            let harmed = places.indices.filter {
                places[$0].path == places[first].path && places[$0].position <= from + ends
                    && places[$0].position + places[$0].byteCount > from + begins
            }
            let start = places[try #require(harmed.first)].offset
            let end = places[try #require(harmed.last)].offset + Self.perBatch
            let log = try Self.open(left)
            let partition = try #require(log.topic("t")).partitions[0]
            let (values, damage) = try partition.valuesAndDamage()
            // Batches in the middle that were not touched are none; those at its edges may be ranges of their own.
            #expect(damage.first?.lowerBound == start && damage.last?.upperBound == end, "bytes \(from) to \(to)")
            #expect(values == Self.values(without: start..<end), "bytes \(from) to \(to)")
            try log.close()
        }
    }

    @Test("a segment that is gone, short or empty costs its records alone, and that is said", arguments: 0..<4)
    func missingSegments(number: Int) throws {
        let disk = try Self.makeDisk()
        let bases = SegmentFiles.baseOffsets(in: try disk.list("/data/t-0"))
        #expect(bases.count == 4)
        for cut in [nil, 0, 1000] {
            let left = disk.kill()
            let path = "/data/t-0/\(SegmentFiles.log(bases[number]))"
            if let cut { try left.open(path, .update).truncate(to: cut) } else { try left.remove(path) }
            let log = try Self.open(left)
            let partition = try #require(log.topic("t")).partitions[0]
            let (values, damage) = try partition.valuesAndDamage()
            let lost = Self.count - values.count
            #expect(damage.map(\.count) == [lost], "\(cut as Any)")
            #expect(
                damage.first?.upperBound == (number < 3 ? Int(bases[number + 1].value) : Self.count), "\(cut as Any)")
            #expect(values == Self.values(without: damage[0]))
            try log.close()
        }
    }

    @Test("a compaction that meets damage has it quarantined, and leaves the segment")
    func compaction() throws {
        let disk = try Self.makeDisk(["cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0"])
        let place = try Self.places(disk)[3]
        try Self.harm(disk, place.path, at: place.position + Part.record.rawValue)
        let lines = LogLines()
        let log = try Self.open(disk, lines)
        let partition = try #require(log.topic("t")).partitions[0]
        // Nobody has looked into the batch yet.
        #expect(try partition.slice(from: Offset(Int64(place.offset)), maxBytes: 1, firstBatchWhole: true) != nil)
        _ = log.compactNow()
        #expect(throws: LogError.self) {
            try partition.slice(from: Offset(Int64(place.offset)), maxBytes: 1, firstBatchWhole: true)
        }
        #expect(lines.count(containing: "records are damaged") == 1)
        try log.close()
    }
}
