import Storage
import TestSupport
import Testing

@testable import EventLog

@Suite struct RingJournalTests {
    private let directory = TemporaryDirectory()

    @Test func aRingThatFillsTooSoonDoublesUpToItsLimit() throws {
        let path = "\(directory.path)/journal"
        let fileSystem = PosixFileSystem()
        try RingJournal.create(
            at: path, fileSystem, directory: TopicID(high: 1, low: 2), nonce: 3, bytes: 1 << 20, isClosed: true)
        let header = try #require(try JournalHeader.newest(in: try fileSystem.open(path, .read)))
        let journal = try RingJournal(at: path, fileSystem, header: header, bytesMax: 3 << 20, onPressure: {})
        try journal.growIfPressed(isTooSmall: false) { true }
        #expect(try directory.contents(of: "journal").count == 1 << 20)
        for bytes in [2 << 20, 3 << 20, 3 << 20] {
            try journal.growIfPressed(isTooSmall: true) { true }
            #expect(try directory.contents(of: "journal").count == bytes)
        }
    }

    @Test func aRingGrowsPieceByPieceAndStaysAsFarAsItHasCome() throws {
        let path = "\(directory.path)/journal"
        let fileSystem = PosixFileSystem()
        try RingJournal.create(
            at: path, fileSystem, directory: TopicID(high: 1, low: 2), nonce: 3, bytes: 8 << 20, isClosed: true)
        let header = try #require(try JournalHeader.newest(in: try fileSystem.open(path, .read)))
        let journal = try RingJournal(at: path, fileSystem, header: header, bytesMax: 64 << 20, onPressure: {})
        var sizes: [Int] = []
        try journal.growIfPressed(isTooSmall: true) {
            sizes.append(journal.byteCount)
            return sizes.count <= 3
        }
        #expect(sizes == [8 << 20, 9 << 20, 10 << 20, 11 << 20])
        #expect(journal.byteCount == 11 << 20)
        #expect(try directory.contents(of: "journal").count == 11 << 20)
    }
}
