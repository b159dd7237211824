import TestSupport
import Testing

@testable import RecordFormat

@Suite("Varints")
struct VarintTests {
    /// The numbers on both sides of each place where a varint gets longer, and what is about them.
    static let edges: [Int64] = {
        var edges: Set<Int64> = [0, 1, -1, .min, .max, .min + 1, .max - 1]
        for bits in 1..<63 {
            let power = Int64(1) << bits
            for near in -2...2 as ClosedRange<Int64> { edges.formUnion([power + near, -power + near]) }
        }
        return edges.sorted()
    }()

    private func encode(_ value: Int64) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Varint.sizeMax) { buffer, count in
            count = Varint.encode(value, to: UnsafeMutableRawPointer(buffer.baseAddress.unsafelyUnwrapped))
        }
    }

    private func decode(_ bytes: [UInt8], end: Int? = nil) throws -> (value: Int64, position: Int) {
        // One byte more than there is: an empty array has no address.
        try (bytes + [0xFF]).withUnsafeBytes {
            let start = $0.baseAddress.unsafelyUnwrapped
            var place = start
            let value = try Varint.decode(&place, end: start + (end ?? bytes.count))
            return (value, place - start)
        }
    }

    @Test("numbers about every change of size are written as the definition has it, and come back")
    func edges() throws {
        for value in Self.edges {
            let bytes = encode(value)
            #expect(bytes == varint(value), "\(value)")
            #expect(Varint.size(value) == bytes.count, "\(value)")
            let decoded = try decode(bytes)
            #expect(decoded.value == value && decoded.position == bytes.count, "\(value)")
            #expect(Varint.unzigzag(Varint.zigzag(value)) == value)
        }
    }

    @Test("numbers at random come back", arguments: [1, 2, 3] as [UInt64])
    func random(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        for _ in 0..<20_000 {
            let value = Int64.random(in: .min ... .max, using: &random) >> Int64.random(in: 0..<64, using: &random)
            let bytes = encode(value)
            #expect(Varint.size(value) == bytes.count)
            #expect(try decode(bytes).value == value, "seed \(seed)")
        }
    }

    @Test("each size has its first and last number")
    func sizes() {
        #expect([0, -1, 1, -64, 63].map(Varint.size) == [1, 1, 1, 1, 1])
        #expect([64, -65, 8191, -8192].map(Varint.size) == [2, 2, 2, 2])
        #expect([8192, -8193].map(Varint.size) == [3, 3])
        #expect([Int64.max, .min].map(Varint.size) == [10, 10])
        #expect(Set(Self.edges.map(Varint.size)) == Set(1...10))
    }

    @Test("a number cut at any byte is cut, wherever the bytes go on")
    func truncated() throws {
        for value in Self.edges {
            let bytes = encode(value)
            for count in 0..<bytes.count {
                #expect(throws: Varint.Problem.truncated, "\(value) cut at \(count)") {
                    try decode(bytes, end: count)
                }
            }
        }
    }

    @Test("more than ten bytes, or more than 64 bits, are no number")
    func tooLong() throws {
        let nine = [UInt8](repeating: 0xFF, count: 9)
        // The tenth byte has room for one bit.
        #expect(try decode(nine + [1]).value == .min)
        for tenth in 2...255 as ClosedRange<UInt8> {
            #expect(throws: Varint.Problem.tooLong, "\(tenth)") { try decode(nine + [tenth]) }
        }
        // It says that another follows: too long whether that is there or not.
        #expect(throws: Varint.Problem.tooLong) { try decode(nine + [0x81]) }
        #expect(throws: Varint.Problem.tooLong) { try decode(nine + [0x81, 0]) }
        #expect(throws: Varint.Problem.tooLong) { try decode([UInt8](repeating: 0x80, count: 10) + [0]) }
        #expect(throws: Varint.Problem.truncated) { try decode(nine) }
    }

    @Test("a number may be written in more bytes than it needs")
    func padded() throws {
        #expect(try decode([0x80, 0x00]).value == 0)
        #expect(try decode([0x81, 0x80, 0x80, 0x00]) == (-1, 4))
        #expect(try decode([0x82] + [UInt8](repeating: 0x80, count: 8) + [0x00]) == (1, 10))
    }

    @Test("bytes at random are a number or an error, and no more than ten are read", arguments: [11, 12] as [UInt64])
    func noise(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for _ in 0..<20_000 {
            // High bits set often, so that long ones come up too.
            let bytes = (0..<12).map { _ in
                UInt8.random(in: 0...255, using: &random) | (Bool.random(using: &random) ? 0x80 : 0)
            }
            if let decoded = try? decode(bytes) {
                #expect(decoded.position <= 10)
                #expect(encode(decoded.value).count <= decoded.position, "seed \(seed): \(bytes)")
            }
        }
    }
}
