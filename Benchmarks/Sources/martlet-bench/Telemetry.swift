import EventLog

/// Records as devices send them: JSON of about `byteCount` bytes, keyed by device, that compresses as such data does.
enum Telemetry {
    /// `count` records, of which a thousand are different: what is measured is the log, not the cache misses of a
    /// million small arrays. LZ4 looks back 64 KB and sees no repetition.
    static func records(_ count: Int, byteCount: Int = 100) -> [Record] {
        let different = differentRecords(min(count, 1000), byteCount: byteCount)
        return (0..<count).map { different[$0 % different.count] }
    }

    private static func differentRecords(_ count: Int, byteCount: Int) -> [Record] {
        var state: UInt64 = 42
        func next(_ bound: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % bound
        }
        return (0..<count).map { i in
            let device = next(500)
            var text =
                "{\"device\":\"sensor-\(device)\",\"sequence\":\(i),\"temperature\":\(15 + next(20)).\(next(100)),"
                + "\"humidity\":\(30 + next(60)).\(next(10)),\"battery\":\(next(100))}"
            while text.utf8.count < byteCount { text += " \(next(1000))" }
            return Record(
                key: Array("sensor-\(device)".utf8), value: Array(text.utf8.prefix(byteCount)),
                timestamp: Timestamp(milliseconds: 1_700_000_000_000 + Int64(i)))
        }
    }

    /// The records of a range, each different, of so many devices that send in no order, or in turn: made anew at each call, so that
    /// millions need not be kept.
    static func records(_ range: Range<Int>, devices: Int, inTurn: Bool = false) -> [Record] {
        range.map { i in
            let chance = mixed(UInt64(i))
            let device = inTurn ? i % devices : Int(chance % UInt64(devices))
            let text =
                "{\"device\":\"sensor-\(device)\",\"sequence\":\(i),\"temperature\":\(15 + chance >> 32 % 20)."
                + "\(chance >> 40 % 100),\"humidity\":\(30 + chance >> 48 % 60),\"battery\":\(chance >> 56 % 100)}"
            return Record(
                key: Array("sensor-\(device)".utf8), value: Array(text.utf8),
                timestamp: Timestamp(milliseconds: 1_700_000_000_000 + Int64(i)))
        }
    }

    /// Bytes of the records' batches before compression, without their headers.
    static func payloadBytes(_ count: Int, devices: Int) -> Int {
        // Of a sample: they differ by a few digits.
        let sample = records(0..<min(count, 10_000), devices: devices)
        var builder = RecordBatchBuilder(compression: .none)
        for record in sample { builder.append(record, defaultTimestamp: .none) }
        return builder.estimatedByteCount * count / max(1, sample.count)
    }

    /// SplitMix64.
    private static func mixed(_ number: UInt64) -> UInt64 {
        var value = (number &+ 1) &* 0x9E37_79B9_7F4A_7C15
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
