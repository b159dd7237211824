import ArgumentParser
import Fleet

/// Which fleet: the same arguments are the same readings.
struct FleetArguments: ParsableArguments {
    @Option(help: "How many devices report.")
    var devices = Fleet().devices

    @Option(help: "What the readings are determined by.")
    var seed = Fleet().seed

    @Option(
        help: ArgumentHelp(
            "The time of the first reading.", discussion: "2026-01-01T00:00:00Z if not given.", valueName: "time"),
        transform: Self.time)
    var start = Fleet().start

    @Option(
        help: ArgumentHelp(
            "The time between two readings of a device: \(DurationText.example).", valueName: "duration"),
        transform: Self.duration)
    var interval = Fleet().interval

    static func time(_ text: String) throws -> Int64 {
        guard let time = TimeText.parse(text) else {
            throw ValidationError("'\(text)' is no time: give one such as 2026-01-31T12:30:00Z")
        }
        return time
    }

    static func duration(_ text: String) throws -> Int64 {
        guard let duration = DurationText.parse(text), duration > 0, duration <= 366 * 86_400_000 else {
            throw ValidationError("'\(text)' is no interval: give \(DurationText.example)")
        }
        return duration
    }

    func validate() throws {
        guard (1...Fleet.devicesMax).contains(devices) else {
            throw ValidationError("a fleet has 1 to \(Fleet.devicesMax.grouped) devices")
        }
        guard start >= 0 else { throw ValidationError("readings start in 1970 or later") }
    }

    var fleet: Fleet {
        var fleet = Fleet()
        fleet.devices = devices
        fleet.seed = seed
        fleet.start = start
        fleet.interval = interval
        return fleet
    }
}
