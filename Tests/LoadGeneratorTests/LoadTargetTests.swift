import Testing

@testable import LoadGenerator

@Suite("Partitions among connections")
struct LoadTargetTests {
    private func target(leaders: [Int]) -> LoadTarget {
        LoadTarget(
            topic: "t",
            partitions: leaders.enumerated().map { index, leader in
                LoadTarget.Partition(
                    index: Int32(index), leader: LoadAddress(host: "broker", port: leader), start: 0, end: 1)
            })
    }

    @Test(
        "each partition has a connection, each connection is to one broker and has a partition",
        arguments: [[1], [1, 1, 1, 1], [1, 2, 3], [1, 1, 2, 3, 3, 3], [5, 4, 4, 4, 4, 4, 4, 4]], [1, 2, 3, 4, 7, 10])
    func deal(leaders: [Int], connections: Int) throws {
        let target = target(leaders: leaders)
        guard connections >= Set(leaders).count else {
            #expect(throws: LoadError.tooFewConnections(brokers: Set(leaders).count)) {
                try target.share(among: connections)
            }
            return
        }
        let shares = try target.share(among: connections)
        #expect(shares.count == connections)
        #expect(shares.allSatisfy { !$0.isEmpty && Set($0.map(\.leader)).count == 1 })
        #expect(Set(shares.flatMap(\.self).map(\.index)).count == leaders.count)
        let isEnough = connections <= leaders.count && Set(leaders).count == 1
        if isEnough { #expect(shares.flatMap(\.self).count == leaders.count) }
    }
}

@Suite("Times to be woken")
struct WakeQueueTests {
    @Test("come out in order, whatever order they came in")
    func order() {
        var queue = WakeQueue()
        var seed: UInt64 = 3
        var times: [Int64] = []
        for index in 0..<500 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            times.append(Int64(seed >> 50))
            queue.insert(times[index], index)
        }
        var found: [Int64] = []
        while let (time, index) = queue.first {
            #expect(times[index] == time)
            found.append(time)
            queue.removeFirst()
        }
        #expect(found == times.sorted())
    }
}

@Suite("What came when")
struct TimelineTests {
    @Test("steps are joined to so many points, and nothing is lost or counted twice", arguments: [1, 3, 10, 99, 1000])
    func rates(pointsMax: Int) {
        var timeline = Timeline(start: 1000)
        for step in 0..<100 { timeline.add(step, bytes: 10 * step, at: 1000 + Int64(step) * Timeline.step) }
        // What comes before the start counts into the first step.
        timeline.add(7, bytes: 70, at: 0)
        let rates = timeline.rates(pointsMax: pointsMax)
        #expect(rates.count <= pointsMax)
        let width = (100 + pointsMax - 1) / pointsMax
        var (records, bytes) = (0.0, 0.0)
        for (index, rate) in rates.enumerated() {
            let steps = Double(min(width, 100 - index * width))
            records += rate.records * steps / 10
            bytes += rate.bytes * steps / 10
        }
        #expect(Int(records.rounded()) == 4957 && Int(bytes.rounded()) == 49_570)
    }
}
