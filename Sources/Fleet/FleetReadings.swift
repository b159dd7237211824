/// A fleet's readings one after the other, in order of time.
package struct FleetReadings: ~Copyable {
    private let fleet: Fleet
    private var devices: [Device]
    /// How many readings of each device the history has: these are made but not given out.
    private let history: [Int64]
    private var next = 0
    private var current = 0
    private var encoder = ReadingEncoder()
    /// When the current reading was taken, in milliseconds since 1970.
    package private(set) var timestamp: Int64 = 0

    /// All readings from the first on.
    package init(of fleet: Fleet) { self.init(of: fleet, after: [Int64](repeating: 0, count: fleet.devices)) }

    /// What follows a history that holds so many readings of each device.
    package init(of fleet: Fleet, after history: [Int64]) {
        precondition(fleet.devices == history.count, "a number for each device")
        self.fleet = fleet
        self.history = history
        let common = history.min() ?? 0
        devices = (0..<fleet.devices).map { Device($0, of: fleet, after: common) }
    }

    /// Moves on to the next reading; there is always one.
    package mutating func advance() {
        repeat {
            current = next
            next = next + 1 == fleet.devices ? 0 : next + 1
            timestamp = devices[current].advance(current, of: fleet)
        } while devices[current].sequence <= history[current]
        encoder.encode(current, devices[current], timestamp: timestamp)
    }

    /// The current reading's key: its device's name. Valid until the next call of `advance`, as is `value`.
    package var key: RawSpan {
        @_lifetime(borrow self)
        get { _overrideLifetime(RawSpan(_unsafeBytes: encoder.key(current)), borrowing: self) }
    }

    /// The current reading as JSON.
    package var value: RawSpan {
        @_lifetime(borrow self)
        get { _overrideLifetime(RawSpan(_unsafeBytes: encoder.value), borrowing: self) }
    }
}
