/// When records are due: at a fixed rate from a start on, whatever becomes of them. A latency that is counted from then
/// includes the time that a record waited because the ones before it took long: nothing is left out because the load
/// waited for the broker (no "coordinated omission").
package struct Schedule: Sendable, Hashable {
    /// When number 0 is due, by `LoadClock`.
    package let start: Int64
    /// Nanoseconds from one record to the next.
    package let interval: Double
    /// Those before are warm-up.
    package let first: Int
    /// How many there are, the warm-up included.
    package let end: Int

    /// - Parameters:
    ///   - rate: records per second.
    ///   - warmup: seconds.
    ///   - records: how many are measured.
    package init(start: Int64, rate: Double, warmup: Double, records: Int) {
        self.start = start
        interval = Double(LoadClock.second) / rate
        first = Int((warmup * rate).rounded())
        let (end, overflow) = first.addingReportingOverflow(records)
        self.end = overflow ? .max : end
    }

    package func due(_ number: Int) -> Int64 { start &+ Int64(Double(number) * interval) }

    /// How many are due at a time, or were before.
    package func count(dueBy time: Int64) -> Int {
        guard time >= start else { return 0 }
        var count = Int(Double(time - start) / interval) + 1
        // Division and multiplication may round apart.
        while count > 0, due(count - 1) > time { count -= 1 }
        while due(count) <= time { count += 1 }
        return min(count, end)
    }

    package func isMeasured(_ number: Int) -> Bool { number >= first && number < end }

    package var measuredFrom: Int64 { due(first) }
}

/// Each `stride`th record of a schedule: what one of several connections sends.
package struct ScheduleShare: Sendable {
    package let schedule: Schedule
    private let place: Int
    private let stride: Int
    /// How many of its records have been sent.
    package private(set) var sent = 0

    package init(of schedule: Schedule, place: Int, of stride: Int) {
        precondition(stride > 0 && place >= 0 && place < stride, "a place among so many")
        self.schedule = schedule
        self.place = place
        self.stride = stride
    }

    /// The number in the schedule of its record of that number.
    package func number(_ index: Int) -> Int { place + index * stride }

    package func due(_ index: Int) -> Int64 { schedule.due(number(index)) }

    /// How many are due and were not sent.
    package func waiting(at time: Int64) -> Int { share(of: schedule.count(dueBy: time)) - sent }

    /// How many of the first records of the schedule are its.
    private func share(of count: Int) -> Int { count <= place ? 0 : (count - place - 1) / stride + 1 }

    /// How many it will have sent in the end.
    package var total: Int { share(of: schedule.end) }
    package var isAtEnd: Bool { sent >= total }

    package mutating func take(_ count: Int) -> Range<Int> {
        let first = sent
        sent += count
        return first..<sent
    }
}
