import Foundation
import Testing

@testable import RecordFormat

@Suite("Partitioners")
struct PartitionerTests {
    /// See Tests/Vectors/partitioner/make_keys.py.
    struct KeyVector: Sendable {
        var key: [UInt8]
        var hash: Int32
        var partitions: [Int]
    }

    static let counts = [1, 2, 3, 7, 12, 100, 1000]

    private func vectors() throws -> [KeyVector] {
        let text = try String(contentsOf: vectorFolder.appending(path: "partitioner/keys.txt"), encoding: .utf8)
        return try text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            let words = line.split(separator: " ").map(String.init)
            return KeyVector(
                key: words[0] == "-" ? [] : try hexadecimalBytes(words[0]), hash: try #require(Int32(words[1])),
                partitions: try words.dropFirst(2).map { try #require(Int($0)) })
        }
    }

    @Test("murmur2 of a key is kafka-python's, for all lengths and signs")
    func hashes() throws {
        let vectors = try vectors()
        #expect(vectors.count > 450)
        #expect(Set(vectors.map(\.key.count)).isSuperset(of: 0...40))
        #expect(vectors.count { $0.hash < 0 } > 200)
        for vector in vectors { #expect(murmur2(vector.key.span.bytes) == vector.hash, "\(vector.key)") }
    }

    @Test("a key's partition is kafka-python's")
    func partitions() throws {
        for vector in try vectors() {
            let chosen = Self.counts.map { DefaultPartitioner.partition(forKey: vector.key.span.bytes, of: $0) }
            #expect(chosen == vector.partitions, "\(vector.key)")
        }
    }

    @Test("a key is hashed the same wherever it lies in memory")
    func alignment() throws {
        let key = Array("device-4711".utf8)
        for shift in 0..<8 {
            let bytes = [UInt8](repeating: 0xAA, count: shift) + key + [0xBB]
            #expect(
                murmur2(bytes.span.bytes.extracting(shift..<shift + key.count)) == murmur2(key.span.bytes))
        }
    }

    @Test("records without a key stay with one partition until it is time to move on, and all get their turn")
    func sticky() {
        var partitioner = StickyPartitioner(startingAt: 5)
        #expect((0..<10).map { _ in partitioner.partition(of: 3) } == Array(repeating: 2, count: 10))
        var seen: [Int] = []
        for _ in 0..<4 {
            partitioner.moveOn()
            seen.append(partitioner.partition(of: 3))
        }
        #expect(seen == [0, 1, 2, 0])
        // More partitions may come meanwhile.
        #expect(partitioner.partition(of: 100) == 9)
    }

    @Test("the sticky partitioner starts anywhere and never ends")
    func stickyBounds() {
        #expect(StickyPartitioner(startingAt: -3).partition(of: 4) == 0)
        var partitioner = StickyPartitioner(startingAt: .max)
        #expect(partitioner.partition(of: 10) == 7)
        partitioner.moveOn()
        #expect(partitioner.partition(of: 10) == 0)
    }
}
