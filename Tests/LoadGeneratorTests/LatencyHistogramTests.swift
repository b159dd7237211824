import Testing

@testable import LoadGenerator

@Suite("Latencies")
struct LatencyHistogramTests {
    @Test("percentiles are those of the sorted values, to a thousandth")
    func percentiles() throws {
        var histogram = LatencyHistogram()
        var values: [Int64] = []
        var seed: UInt64 = 7
        for _ in 0..<20_000 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let value = Int64(seed >> 40) * 100
            values.append(value)
            histogram.record(value)
        }
        values.sort()
        for percentile in [1, 10, 50, 90, 99, 99.9, 100] {
            let rank = max(1, Int((percentile / 100 * Double(values.count)).rounded(.up)))
            let expected = Double(values[rank - 1] / 1000) / 1000
            let found = try #require(histogram.percentile(percentile))
            #expect(abs(found - expected) <= max(0.002, expected * 0.002), "p\(percentile): \(found), not \(expected)")
        }
        let mean = values.map(Double.init).reduce(0, +) / Double(values.count) / 1e6
        #expect(abs(try #require(histogram.mean) - mean) < mean * 0.01)
    }

    @Test("one that is weighted by records is as many")
    func weights() {
        var one = LatencyHistogram()
        var many = LatencyHistogram()
        one.record(5_000_000, count: 3)
        for _ in 0..<3 { many.record(5_000_000) }
        one.record(9_000_000, count: 0)
        #expect(one.count == 3 && one.percentile(99) == many.percentile(99) && one.max == many.max)
    }

    @Test("what is longer than an hour, or before it was due, is kept within bounds")
    func bounds() {
        var histogram = LatencyHistogram()
        histogram.record(.max)
        histogram.record(-5)
        #expect(histogram.count == 2)
        #expect(abs((histogram.max ?? 0) - 3_600_000) < 4_000)
        #expect(histogram.percentile(10) == 0)
    }

    @Test("an empty one has no percentiles and no curve")
    func empty() {
        let histogram = LatencyHistogram()
        #expect(histogram.percentile(50) == nil && histogram.mean == nil && histogram.max == nil)
        #expect(histogram.curve.isEmpty)
    }

    @Test("its curve rises, and ends at the slowest")
    func curve() throws {
        var histogram = LatencyHistogram()
        for value in 1...10_000 { histogram.record(Int64(value) * 10_000) }
        let curve = histogram.curve
        #expect(zip(curve, curve.dropFirst()).allSatisfy { $0.part <= $1.part && $0.milliseconds <= $1.milliseconds })
        let last = try #require(curve.last)
        #expect(last.part == 1 && abs(last.milliseconds - 100) < 0.2)
    }

    @Test("two together are as if all had been recorded in one")
    func sum() {
        var (first, second, both) = (LatencyHistogram(), LatencyHistogram(), LatencyHistogram())
        for value in 1...1000 {
            first.record(Int64(value) * 1000)
            second.record(Int64(value) * 77_000)
            both.record(Int64(value) * 1000)
            both.record(Int64(value) * 77_000)
        }
        first.add(second)
        #expect(first.count == both.count)
        for percentile in [5.0, 50, 95, 99.9] { #expect(first.percentile(percentile) == both.percentile(percentile)) }
    }
}
