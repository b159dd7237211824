/// Times as ISO 8601 in UTC, as people type and read them, to and from milliseconds since 1970.
enum TimeText {
    /// `2026-01-31`, `2026-01-31T12:30`, `2026-01-31 12:30:05.250`, with `Z` or an offset such as `+02:00` at the end;
    /// without one it is UTC. nil: it is none of these.
    static func parse(_ text: String) -> Int64? {
        var scanner = Scanner(text)
        guard let year = scanner.number(4), scanner.take("-"), let month = scanner.number(2), scanner.take("-"),
            let day = scanner.number(2), let days = days(year, month, day)
        else { return nil }
        var milliseconds = Int64(days) * 86_400_000
        if scanner.isAtEnd { return milliseconds }
        guard scanner.take("T") || scanner.take("t") || scanner.take(" "), let time = scanner.timeOfDay(),
            let offset = scanner.zone(), scanner.isAtEnd
        else { return nil }
        milliseconds += Int64(time - offset)
        return milliseconds
    }

    /// `2026-01-31T12:30:05.250Z`.
    static func format(_ milliseconds: Int64) -> String {
        let day: Int64 = 86_400_000
        var days = milliseconds / day
        var rest = Int(milliseconds % day)
        if rest < 0 {
            days -= 1
            rest += Int(day)
        }
        // Past these years it is no time that anyone meant.
        guard abs(days) < 3_000_000 else { return String(milliseconds) }
        let (year, month, dayOfMonth) = date(Int(days))
        let time = [rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60].map { digits($0, 2) }.joined(separator: ":")
        return "\(digits(year, 4))-\(digits(month, 2))-\(digits(dayOfMonth, 2))T\(time).\(digits(rest % 1000, 3))Z"
    }

    /// `2026-01-31 12:30Z`.
    static func minute(_ milliseconds: Int64) -> String {
        let whole = format(milliseconds)
        // What is no time that anyone meant stays a number.
        guard whole.hasSuffix("Z") else { return whole }
        return whole.dropLast(8).replacing("T", with: " ") + "Z"
    }

    private static func digits(_ number: Int, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }

    /// Days since 1970-01-01 in the Gregorian calendar; nil: there is no such day.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int? {
        guard (1...12).contains(month), day >= 1 else { return nil }
        // The year begins in March, so that a leap day is its last.
        let shifted = month > 2 ? year : year - 1
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let days = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
        return date(days) == (year, month, day) ? days : nil
    }

    private static func date(_ days: Int) -> (year: Int, month: Int, day: Int) {
        let sinceMarch0 = days + 719_468
        let era = (sinceMarch0 >= 0 ? sinceMarch0 : sinceMarch0 - 146_096) / 146_097
        let dayOfEra = sinceMarch0 - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    private struct Scanner {
        private var rest: Substring.UTF8View

        init(_ text: String) { rest = Substring(text).utf8 }

        var isAtEnd: Bool { rest.isEmpty }

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard let first = rest.first, first == UInt8(ascii: character) else { return false }
            rest.removeFirst()
            return true
        }

        mutating func number(_ width: Int) -> Int? {
            let digits = rest.prefix(width)
            guard digits.count == width, digits.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
            rest.removeFirst(width)
            return digits.reduce(0) { $0 * 10 + Int($1 - 48) }
        }

        /// Milliseconds since midnight.
        mutating func timeOfDay() -> Int? {
            guard let hour = number(2), hour < 24, take(":"), let minute = number(2), minute < 60 else { return nil }
            var milliseconds = (hour * 60 + minute) * 60_000
            guard take(":") else { return milliseconds }
            guard let second = number(2), second < 60 else { return nil }
            milliseconds += second * 1000
            guard take(".") else { return milliseconds }
            guard let fraction = fraction() else { return nil }
            return milliseconds + fraction
        }

        private mutating func fraction() -> Int? {
            var (milliseconds, scale, count) = (0, 100, 0)
            while let digit = number(1) {
                milliseconds += digit * scale
                scale /= 10
                count += 1
            }
            return count > 0 ? milliseconds : nil
        }

        /// Milliseconds east of UTC.
        mutating func zone() -> Int? {
            if isAtEnd || take("Z") || take("z") { return 0 }
            let isEast = take("+")
            guard isEast || take("-"), let hours = number(2), hours < 24 else { return nil }
            _ = take(":")
            guard let minutes = number(2), minutes < 60 else { return nil }
            return (isEast ? 1 : -1) * (hours * 60 + minutes) * 60_000
        }
    }
}
