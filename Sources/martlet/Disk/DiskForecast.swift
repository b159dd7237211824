/// When a volume has no more room than its reserve, if everything on it goes on as it does.
struct DiskForecast: Hashable {
    /// One partition, or several that grow as one.
    struct Item: Hashable {
        var bytes: Int64
        /// A day.
        var growth: Int64
        /// What it does not grow past; nil: nothing holds it.
        var bound: Int64?

        /// What is there after so many days. Something that is larger than its bound already does not grow; that it shrinks
        /// is not counted on.
        func bytes(afterDays days: Double) -> Double {
            guard let bound else { return Double(bytes) + Double(growth) * days }
            return max(Double(bytes), min(Double(bound), Double(bytes) + Double(growth) * days))
        }

        /// The days until it has reached its bound; nil: it never does.
        fileprivate var daysOfGrowth: Double? {
            guard growth > 0 else { return 0 }
            return bound.map { max(0, Double($0) - Double(bytes)) / Double(growth) }
        }
    }

    enum Outcome: Hashable {
        /// It is there already.
        case now
        case inDays(Double)
        /// Everything is held: at so many bytes in all.
        case never(heldAt: Int64)
        /// Not as long as anybody believes a rate of today.
        case notForLong
    }

    var items: [Item]
    /// Bytes that can still be used.
    var usable: Int64
    /// How many are to be left.
    var reserve: Int64
    /// What all of it together does not grow past (`retention.total.bytes`); nil: nothing says so.
    var totalBound: Int64?

    /// After so many days nobody believes a rate of today.
    static let daysMax = 36_525.0

    var outcome: Outcome {
        let room = Double(usable) - Double(reserve)
        if room <= 0 { return .now }
        let start = total(afterDays: 0)
        let end = total(afterDays: Self.daysMax)
        // What holds all of it together holds it before there is no more room.
        if let totalBound, Double(totalBound) - start < room {
            return .never(heldAt: Int64(clamping: min(end, max(start, Double(totalBound)))))
        }
        // Between these it grows evenly.
        let turns = Set(items.compactMap(\.daysOfGrowth).filter { $0 > 0 && $0 < Self.daysMax }).sorted()
        var (before, grown) = (0.0, 0.0)
        for turn in turns + [Self.daysMax] {
            let next = total(afterDays: turn) - start
            if next >= room { return .inDays(before + (turn - before) * (room - grown) / (next - grown)) }
            (before, grown) = (turn, next)
        }
        let growsOn = items.contains { $0.growth > 0 && $0.bytes(afterDays: Self.daysMax) < Double($0.bound ?? .max) }
        return growsOn ? .notForLong : .never(heldAt: Int64(clamping: end))
    }

    /// Bytes of all of it, if nothing but their own bounds holds its parts.
    func total(afterDays days: Double) -> Double { items.reduce(0) { $0 + $1.bytes(afterDays: days) } }
}

/// How much room is to be left on a volume.
enum DiskReserve: Hashable {
    case bytes(Int64)
    case percent(Double)
    /// The smaller of 5 % and 1 GiB.
    case usual

    /// `5GiB`, `10%`; nil: it is no such text.
    init?(_ text: String) {
        if text.hasSuffix("%") {
            guard let percent = Double(text.dropLast()), (0...100).contains(percent) else { return nil }
            self = .percent(percent)
        } else {
            guard let bytes = SizeText.parse(text) else { return nil }
            self = .bytes(bytes)
        }
    }

    func bytes(of total: Int64) -> Int64 {
        switch self {
        case .bytes(let bytes): bytes
        case .percent(let percent): Int64(clamping: Double(total) * percent / 100)
        case .usual: min(total / 20, 1 << 30)
        }
    }
}
