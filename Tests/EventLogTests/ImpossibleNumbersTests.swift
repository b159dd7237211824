import Testing

@testable import EventLog

/// A checksum says that a number is the one that was written, not that it can be. What comes of such a file is an error
/// or nothing, and no arithmetic is done with it.
@Suite("Numbers that no writer puts there")
struct ImpossibleNumbersTests {
    private func header(_ change: (inout JournalHeader) -> Void) -> JournalHeader? {
        var header = JournalHeader(
            nonce: 1, directory: TopicID(high: 1, low: 2), epoch: 3, generation: 4,
            tailPosition: JournalHeader.ringStart, tailSequence: 1, isClosed: false)
        change(&header)
        return JournalHeader(decoding: header.encoded()[...])
    }

    @Test("a journal's header with one of them is none")
    func journalHeader() {
        #expect(header { _ in } != nil)
        #expect(header { $0.tailPosition = .max } == nil)
        #expect(header { $0.tailPosition = 0 } == nil)
        #expect(header { $0.tailPosition += 1 } == nil)
        #expect(header { $0.tailSequence = .max } == nil)
        #expect(header { $0.generation = .max } == nil)
    }

    @Test("an entry of a round with one of them is none")
    func roundEntry() {
        let entry = RoundEntry(
            topic: TopicID(high: 1, low: 2), partition: 0, segment: 5, position: 10, baseOffset: 7, endOffset: 9)
        func isPossible(_ change: (inout RoundEntry) -> Void) -> Bool {
            var entry = entry
            change(&entry)
            return entry.isPossible
        }
        #expect(isPossible { _ in })
        #expect(!isPossible { $0.position = .max })
        #expect(!isPossible { $0.segment = -1 })
        #expect(!isPossible { $0.baseOffset = 4 })
        #expect(!isPossible { $0.endOffset = 6 })
    }

    @Test("a slot of a checkpoint with one of them is none")
    func checkpoint() {
        func decoded(
            generation: UInt64 = 1, _ change: (inout PartitionCheckpoint) -> Void = { _ in }
        ) -> PartitionCheckpoint? {
            var checkpoint = PartitionCheckpoint(
                journalSequence: 7, logStart: 5, end: LogEnd(offset: 300, segment: 200, position: 4000))
            change(&checkpoint)
            return PartitionCheckpoint.decode(checkpoint.encoded(generation: generation)[...])?.checkpoint
        }
        #expect(decoded() != nil)
        #expect(decoded(generation: .max) == nil)
        #expect(decoded { $0.journalSequence = .max } == nil)
        #expect(decoded { $0.logStart = -1 } == nil)
        #expect(decoded { $0.end.segment = -1 } == nil)
        #expect(decoded { $0.end.offset = 199 } == nil)
        #expect(decoded { $0.end.position = .max } == nil)
    }

    @Test("a catalogue with a topic that cannot be is damaged: its name would be a path")
    func catalogue() throws {
        func decode(_ names: [String], partitions: Int = 1) throws -> TopicCatalogue {
            var catalogue = TopicCatalogue(directory: TopicID(high: 1, low: 2))
            catalogue.topics = names.map {
                .init(name: $0, id: TopicID(high: 3, low: 4), partitionCount: partitions, settings: TopicSettings())
            }
            return try TopicCatalogue(decoding: catalogue.encoded())
        }
        #expect(try decode(["readings", "others"]).topics.count == 2)
        for names in [["../elsewhere"], [""], ["readings", "readings"]] {
            #expect(throws: TopicCatalogue.Problem.self) { try decode(names) }
        }
        for partitions in [0, EventLog.partitionsMax + 1] {
            #expect(throws: TopicCatalogue.Problem.self) { try decode(["readings"], partitions: partitions) }
        }
    }
}
