import ArgumentParser
import KafkaClient

/// A place in a topic, as `--from` and `--to` take it.
enum Position: Hashable {
    case earliest
    case latest
    case offset(Int64)
    /// Milliseconds since 1970.
    case time(Int64)
    /// So many milliseconds before now.
    case ago(Int64)

    static let help = """
        earliest, latest, an offset, a time (2026-01-31T12:30:00Z, or @ and milliseconds since 1970), or a time before \
        now (-15m, -1h, -7d)
        """

    static let list = """
        earliest, latest
        1234                   an offset, in each partition
        2026-01-31T12:30:00Z   a time; also 2026-01-31, 2026-01-31T12:30+02:00
        @1769862600000         milliseconds since 1970
        -15m, -1h, -7d         a time before now
        """

    init(parsing text: String) throws {
        if text == "earliest" {
            self = .earliest
        } else if text == "latest" {
            self = .latest
        } else if let offset = Int64(text), offset >= 0, text.first != "+" {
            self = .offset(offset)
        } else if text.hasPrefix("-"), let milliseconds = DurationText.parse(text.dropFirst()) {
            self = .ago(milliseconds)
        } else if text.hasPrefix("@"), let milliseconds = Int64(text.dropFirst()), milliseconds >= 0 {
            self = .time(milliseconds)
        } else if let milliseconds = TimeText.parse(text) {
            self = .time(milliseconds)
        } else {
            throw ValidationError("'\(text)' is no place in a topic: give \(Self.help)")
        }
    }

    func start(now: Timestamp) -> StartPosition {
        switch self {
        case .earliest: .earliest
        case .latest: .latest
        case .offset(let offset): .offset(Offset(offset))
        case .time(let milliseconds): .timestamp(Timestamp(milliseconds: milliseconds))
        case .ago(let milliseconds): .timestamp(Self.before(now, milliseconds))
        }
    }

    /// Where to stop: before the record at this place.
    func stop(now: Timestamp) -> StopPosition {
        switch self {
        case .earliest: .offset(0)
        case .latest: .end
        case .offset(let offset): .offset(Offset(offset))
        case .time(let milliseconds): .timestamp(Timestamp(milliseconds: milliseconds))
        case .ago(let milliseconds): .timestamp(Self.before(now, milliseconds))
        }
    }

    private static func before(_ now: Timestamp, _ milliseconds: Int64) -> Timestamp {
        let (time, overflow) = now.milliseconds.subtractingReportingOverflow(milliseconds)
        return Timestamp(milliseconds: overflow ? 0 : max(0, time))
    }
}
