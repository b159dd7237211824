/// What a load has come to: counted on its thread, handed over at its end.
package struct LoadTally: Sendable {
    package private(set) var records = 0
    /// Of the records' values, not compressed; 0 where they are not looked into.
    package private(set) var payloadBytes = 0
    /// Of record batches, as they went over the wire.
    package private(set) var wireBytes = 0
    package private(set) var requests = 0
    /// From the time that a request or a record was due until it was answered.
    package var latency = LatencyHistogram()
    package private(set) var timeline: Timeline
    /// When the measured part began, by `LoadClock`.
    package let start: Int64
    /// When the last was counted.
    package private(set) var end: Int64
    /// Records that were due and had no answer when the load was given up. Their latencies are counted as if the answer
    /// had come then.
    package var unanswered = 0
    package var wasInterrupted = false
    /// All records and their bytes, the warm-up and what came after the end included: what processor time goes by.
    package var (allRecords, allBytes) = (0, 0)

    package init(start: Int64) {
        self.start = start
        end = start
        timeline = Timeline(start: start)
    }

    package mutating func count(records: Int, payloadBytes: Int = 0, wireBytes: Int = 0, at now: Int64) {
        self.records += records
        self.payloadBytes += payloadBytes
        self.wireBytes += wireBytes
        requests += 1
        end = max(end, now)
        timeline.add(records, bytes: payloadBytes > 0 ? payloadBytes : wireBytes, at: now)
    }

    /// The measured part ends then, though nothing came at its end.
    package mutating func end(at time: Int64) { end = max(start, time) }

    package var seconds: Double { Double(end - start) / Double(LoadClock.second) }
}

/// How much came when: in steps of a tenth of a second.
package struct Timeline: Sendable {
    private let start: Int64
    package private(set) var steps: [Step] = []

    package struct Step: Sendable, Hashable {
        package var records = 0
        package var bytes = 0
    }

    package static let step: Int64 = 100_000_000
    /// A week: what comes later counts into the last.
    private static let stepsMax = 7 * 86_400 * 10

    package init(start: Int64) { self.start = start }

    package mutating func add(_ records: Int, bytes: Int, at time: Int64) {
        let index = min(Int(max(0, time - start) / Self.step), Self.stepsMax - 1)
        while steps.count <= index { steps.append(Step()) }
        steps[index].records += records
        steps[index].bytes += bytes
    }

    /// Joined to at most so many points: seconds since the start of the middle of each, and what came a second.
    package func rates(pointsMax: Int) -> [(second: Double, records: Double, bytes: Double)] {
        let width = max(1, (steps.count + pointsMax - 1) / max(1, pointsMax))
        return stride(from: 0, to: steps.count, by: width).map { first in
            let part = steps[first..<min(first + width, steps.count)]
            let seconds = Double(part.count) * Double(Self.step) / Double(LoadClock.second)
            let middle = (Double(first) + Double(part.count) / 2) * Double(Self.step) / Double(LoadClock.second)
            return (
                middle, Double(part.reduce(0) { $0 + $1.records }) / seconds,
                Double(part.reduce(0) { $0 + $1.bytes }) / seconds
            )
        }
    }
}
