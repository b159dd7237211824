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
        try journal.growIfPressed(isTooSmall: false)
        #expect(try directory.contents(of: "journal").count == 1 << 20)
        for bytes in [2 << 20, 3 << 20, 3 << 20] {
            try journal.growIfPressed(isTooSmall: true)
            #expect(try directory.contents(of: "journal").count == bytes)
        }
    }
}
