/// Numbers of bytes of disks and settings, in powers of 1024: those that settings are given in.
enum BinarySize {
    private static let units = ["B", "KiB", "MiB", "GiB", "TiB"]

    /// `812 B`, `3.1 GiB`.
    static func text(_ bytes: Int64) -> String {
        var value = Double(bytes)
        var unit = 0
        while abs(value) >= 1023.95, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        return unit == 0 ? "\(bytes) B" : "\(value.rounded(toPlaces: 1)) \(units[unit])"
    }

    /// In the largest unit of which it is a whole number: `1 GiB`, `1,000 B`.
    static func exact(_ bytes: Int64) -> String {
        var value = bytes
        var unit = 0
        while value != 0, value % 1024 == 0, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        return "\(value.grouped) \(units[unit])"
    }
}

extension Table.Cell {
    /// Bytes in powers of 1024; in JSON it is their number.
    static func size(_ bytes: Int64?) -> Self {
        bytes.map { .figure(BinarySize.text($0), json: String($0)) } ?? .none
    }

    /// A time to the minute; in JSON it is exact.
    static func minute(_ milliseconds: Int64?) -> Self {
        guard let milliseconds else { return .none }
        var json: [UInt8] = []
        JSONText.append(TimeText.format(milliseconds), to: &json)
        return .figure(TimeText.minute(milliseconds), json: String(decoding: json, as: UTF8.self))
    }
}
