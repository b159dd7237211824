import Foundation
import TestSupport
import Testing

@testable import EventLog

/// A file system in memory: before Linux 6.6 it knows no direct writes.
@Suite(.enabled(if: FileManager.default.isWritableFile(atPath: "/dev/shm"), "this machine has no /dev/shm"))
struct TmpfsTests {
    static let path = "/dev/shm"
    let directory = TemporaryDirectory(in: path)

    @Test func aLogOnTmpfsAppendsReopensAndReads() throws {
        for round in 0..<3 {
            let log = try EventLog.open(at: directory.path, options: quietOptions())
            let partition = try (log.topic("t") ?? log.createTopic("t")).partitions[0]
            #expect(try partition.values() == (0..<round * 100).map { "value \($0)" })
            for i in 0..<4 { try partition.append(contentsOf: numbered(25, from: round * 100 + i * 25)) }
            #expect(
                try partition.read(from: .offset(Offset(Int64(round * 100 + 7)))).first?.valueText
                    == "value \(round * 100 + 7)")
            try log.close()
        }
    }

    @Test func aKilledLogOnTmpfsOpensWithEverythingThatWasAcknowledged() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let partition = try log.createTopic("t").partitions[0]
        for i in 0..<50 { try partition.append(Record(value: "value \(i)")) }
        let left = TemporaryDirectory(in: Self.path)
        try FileManager.default.removeItem(atPath: left.path)
        try FileManager.default.copyItem(atPath: directory.path, toPath: left.path)
        let reopened = try EventLog.open(at: left.path, options: quietOptions())
        #expect(try #require(reopened.topic("t")).partitions[0].values() == (0..<50).map { "value \($0)" })
        try reopened.close()
        try log.close()
    }
}
