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
}
