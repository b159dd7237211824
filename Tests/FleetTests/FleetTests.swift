import Fleet
import Testing

@Suite("Fleet")
struct FleetTests {
    private struct Reading: Hashable {
        var key: String
        var value: String
        var timestamp: Int64
    }

    private var fleet: Fleet {
        var fleet = Fleet()
        fleet.devices = 7
        fleet.interval = 1000
        return fleet
    }

    private func text(_ bytes: RawSpan) -> String {
        String(decoding: bytes.withUnsafeBytes { Array($0) }, as: UTF8.self)
    }

    private func readings(_ fleet: Fleet, after history: [Int64]? = nil, count: Int) -> [Reading] {
        var source = FleetReadings(of: fleet, after: history ?? [Int64](repeating: 0, count: fleet.devices))
        var readings: [Reading] = []
        for _ in 0..<count {
            source.advance()
            readings.append(Reading(key: text(source.key), value: text(source.value), timestamp: source.timestamp))
        }
        return readings
    }

    private func problems(_ replay: consuming FleetReplay, _ readings: some Sequence<Reading>) -> Int {
        for reading in readings { take(reading, &replay) }
        return replay.problemCount
    }

    private func take(_ reading: Reading, _ replay: inout FleetReplay) {
        let (key, value) = (Array(reading.key.utf8), Array(reading.value.utf8))
        replay.take(key: key.span.bytes, value: value.span.bytes, timestamp: reading.timestamp)
    }

    @Test("the same seed makes the same readings on every machine")
    func golden() {
        let values = readings(fleet, count: 8).map(\.value)
        #expect(
            values[0] == #"{"device":"device-000000","seq":1,"ts":1767225600000,"temperature":13.44,"#
                + #""humidity":59.80,"battery":3.74,"rssi":-85}"#)
        #expect(
            values[7] == #"{"device":"device-000000","seq":2,"ts":1767225601000,"temperature":13.34,"#
                + #""humidity":59.82,"battery":3.74,"rssi":-85}"#)
    }

    @Test("another seed makes other readings")
    func seeds() {
        var other = fleet
        other.seed = 2
        #expect(readings(fleet, count: 20) != readings(other, count: 20))
    }

    @Test("readings are in order of time, and each device numbers its own from 1")
    func order() {
        let readings = readings(fleet, count: 700)
        #expect(zip(readings, readings.dropFirst()).allSatisfy { $0.timestamp <= $1.timestamp })
        for (device, own) in Dictionary(grouping: readings, by: \.key) {
            #expect(own.count == 100)
            for (index, reading) in own.enumerated() {
                #expect(
                    reading.value.hasPrefix(
                        "{\"device\":\"\(device)\",\"seq\":\(index + 1),\"ts\":\(reading.timestamp),"))
            }
        }
    }

    @Test("sensors stay within what they can measure over months of readings")
    func plausible() throws {
        var fleet = fleet
        fleet.devices = 2
        fleet.interval = 600_000
        var lowest = 100.0
        var highest = -100.0
        for reading in readings(fleet, count: 40_000) {
            let temperature = try #require(number("temperature", reading.value))
            lowest = min(lowest, temperature)
            highest = max(highest, temperature)
            #expect((5...99).contains(try #require(number("humidity", reading.value))))
            #expect((3.0...4.2).contains(try #require(number("battery", reading.value))))
        }
        #expect(lowest > -10 && highest < 45 && highest - lowest > 5, "\(lowest) to \(highest)")
    }

    private func number(_ field: String, _ value: String) -> Double? {
        value.split(separator: ",").first { $0.hasPrefix("\"\(field)\":") }.flatMap {
            Double($0.split(separator: ":")[1])
        }
    }

    @Test("a fleet that goes on after a history makes what it would have made without a break", arguments: 0...30)
    func resumed(after done: Int) {
        let all = readings(fleet, count: 60)
        var history = [Int64](repeating: 0, count: fleet.devices)
        for index in 0..<done { history[index % fleet.devices] += 1 }
        #expect(readings(fleet, after: history, count: 60 - done) == Array(all[done...]))
    }

    @Test("a fleet that goes on after a history with holes fills them first")
    func holes() {
        let readings = readings(fleet, after: [3, 1, 3, 3, 3, 3, 3], count: 3)
        #expect(readings.map(\.key) == ["device-000001", "device-000001", "device-000000"])
    }

    @Test("a replay in each device's order is whole, whichever device comes first")
    func replay() {
        var replay = FleetReplay(of: fleet)
        for (_, own) in Dictionary(grouping: readings(fleet, count: 65), by: \.key) {
            for reading in own { take(reading, &replay) }
        }
        #expect(replay.problemCount == 0)
        #expect(replay.verifiedCount == 65)
        #expect(replay.laggingDevice == nil)
        #expect(replay.history == [10, 10, 9, 9, 9, 9, 9])
    }

    @Test(
        "a replay from any point in time has exactly the readings from there on",
        arguments: [-5000, 0, 1, 142, 143, 3000, 9999])
    func replayFromTime(milliseconds: Int64) {
        let time = fleet.start + milliseconds
        var replay = FleetReplay(of: fleet, from: time)
        let all = readings(fleet, count: 70)
        for reading in all where reading.timestamp >= time { take(reading, &replay) }
        #expect(replay.problemCount == 0)
        #expect(replay.laggingDevice == nil)
        #expect(replay.verifiedCount == all.count { $0.timestamp >= time })
        // One that is too old is not taken.
        if let older = all.last(where: { $0.timestamp < time }) {
            take(older, &replay)
            #expect(replay.problemCount == 1)
        }
    }

    @Test("a reading that is missing, repeated, altered or foreign is a problem")
    func tampered() {
        let good = readings(fleet, count: 21)
        #expect(problems(FleetReplay(of: fleet), good) == 0)
        #expect(problems(FleetReplay(of: fleet), good[..<3] + good[4...]) == 2)
        #expect(problems(FleetReplay(of: fleet), good + [good[20]]) == 1)
        var altered = good
        altered[20].value = altered[20].value.replacing("rssi\":-", with: "rssi\":")
        #expect(problems(FleetReplay(of: fleet), altered) == 1)
        altered = good
        altered[20].timestamp += 1
        #expect(problems(FleetReplay(of: fleet), altered) == 1)
        altered = good
        altered[20].key = "device-000008"
        #expect(problems(FleetReplay(of: fleet), altered) == 1)
        altered[20].key = "someone"
        #expect(problems(FleetReplay(of: fleet), altered) == 1)
    }

    @Test("records that are missing at the end of some devices are found")
    func lagging() {
        var replay = FleetReplay(of: fleet)
        for reading in readings(fleet, count: 70)
        where reading.key != "device-000003" || reading.timestamp < fleet.start + 8000 {
            take(reading, &replay)
        }
        #expect(replay.problemCount == 0)
        #expect(replay.laggingDevice == "device-000003")
    }
}
