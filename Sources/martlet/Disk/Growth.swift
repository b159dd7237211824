import RecordFormat

/// How fast something grows: what the last day has brought, by the timestamps of records.
struct Growth: Hashable {
    /// Bytes a day.
    var perDay: Int64
    /// Milliseconds that it is from: a day, or less where the oldest record is younger.
    var window: Int64

    static let day: Int64 = 86_400_000
    /// From less than this nothing can be said.
    static let windowMin: Int64 = 60_000

    /// Where the window begins whose bytes are to be looked up.
    static func start(now: Timestamp) -> Timestamp { Timestamp(milliseconds: now.milliseconds - day) }

    /// nil: no rate can be told, as there are no records, or they are too young.
    /// - Parameters:
    ///   - bytes: from the first record on that is in the last day.
    ///   - oldest: the time of the first record there is.
    init?(bytes: Int64, oldest: Timestamp?, now: Timestamp) {
        guard let oldest else { return nil }
        let age = now.milliseconds(since: oldest)
        guard age >= Self.windowMin else { return nil }
        window = min(Self.day, age)
        perDay = Int64(clamping: Double(max(0, bytes)) * Double(Self.day) / Double(window))
    }

    private init(perDay: Int64, window: Int64) {
        self.perDay = perDay
        self.window = window
    }

    /// Of several together; those of which no rate is known count as none. nil: of none is it known.
    static func sum(_ growths: some Sequence<Growth?>) -> Growth? {
        growths.reduce(nil) { sum, growth in
            guard let growth else { return sum }
            guard let sum else { return growth }
            return Growth(
                perDay: sum.perDay.addingClamped(growth.perDay), window: min(sum.window, growth.window))
        }
    }

    /// What should be known about it; nil: it is of a whole day.
    var note: String? { window < Self.day ? "rate of \(SpanText.forPeople(window))" : nil }
}
