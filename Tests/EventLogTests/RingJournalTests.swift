import Glibc
import Storage
import TestSupport
import Testing

@testable import EventLog

@Suite struct RingJournalTests {
    private let directory = TemporaryDirectory()

    private func journal(bytes: Int, max bytesMax: Int) throws -> RingJournal {
        let path = "\(directory.path)/journal"
        let fileSystem = PosixFileSystem()
        try RingJournal.create(
            at: path, fileSystem, directory: TopicID(high: 1, low: 2), nonce: 3, bytes: bytes, isClosed: true)
        let header = try #require(try JournalHeader.newest(in: try fileSystem.open(path, .read)))
        return try RingJournal(at: path, fileSystem, header: header, bytesMax: bytesMax, onPressure: {})
    }

    @Test func aRingThatFillsTooSoonDoublesUpToItsLimit() throws {
        let journal = try journal(bytes: 1 << 20, max: 3 << 20)
        try journal.growIfPressed(isTooSmall: false)
        #expect(try directory.contents(of: "journal").count == 1 << 20)
        for bytes in [2 << 20, 3 << 20, 3 << 20] {
            try journal.growIfPressed(isTooSmall: true)
            #expect(try directory.contents(of: "journal").count == bytes)
        }
    }

    @Test func aRingGrowsPieceByPieceAndIsUsedMeanwhile() throws {
        let journal = try journal(bytes: 8 << 20, max: 64 << 20)
        try journal.growIfPressed(isTooSmall: true)
        #expect(journal.byteCount == 12 << 20 && journal.isGrowing)
        try journal.grow()
        #expect(journal.byteCount == 16 << 20 && !journal.isGrowing)
        #expect(try directory.contents(of: "journal").count == 16 << 20)
        // What is being made larger is not made larger still.
        try journal.growIfPressed(isTooSmall: true)
        try journal.growIfPressed(isTooSmall: true)
        #expect(journal.byteCount == 24 << 20 && journal.isGrowing)
    }

    @Test func aRoundThatWaitsForALargerRingIsNotKeptWaiting() throws {
        let journal = try journal(bytes: 1 << 20, max: 64 << 20)
        let waiter = WorkerThread(name: "append") {
            #expect(throws: Never.self) { try journal.awaitRoom(for: 12 << 20) }
        }
        while !journal.isAwaited { usleep(1000) }
        try journal.growIfPressed(isTooSmall: false)
        waiter.join()
        #expect(journal.byteCount > 12 << 20)
    }
}
