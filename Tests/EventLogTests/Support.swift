import Logging
import TestSupport

@testable import EventLog

/// Options of tests: silent, with a small journal.
func quietOptions(_ configure: (inout EventLogOptions) -> Void = { _ in }) -> EventLogOptions {
    var options = EventLogOptions()
    options.journalBytesInitial = 1 << 20
    options.logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    configure(&options)
    return options
}

/// `count` records "value 0", "value 1", …, a second apart from `start` on.
func numbered(_ count: Int, from first: Int = 0, start: Int64 = 1_700_000_000_000) -> [Record] {
    (first..<first + count).map {
        Record(
            key: "key \($0 % 10)", value: "value \($0)", timestamp: Timestamp(milliseconds: start + Int64($0) * 1000))
    }
}

extension Partition {
    /// All values, as text.
    func values() throws(LogError) -> [String] {
        try read(from: .earliest, maxBytes: .max).map { $0.valueText ?? "?" }
    }
}

extension Partition {
    /// All values that can be read, as text, and the offsets of those that cannot.
    func valuesAndDamage() throws -> ([String], [Range<Int>]) {
        var (values, damage, next): ([String], [Range<Int>], Offset) = ([], [], logStart)
        while next < end {
            do throws(LogError) {
                next = try scan(from: .offset(next)) {
                    values.append($0.makeStoredRecord().valueText ?? "?")
                    next = $0.offset.advanced(by: 1)
                    return true
                }
            } catch {
                guard case .damagedRecords(_, _, let offsets, _) = error, offsets.upperBound > next else { throw error }
                damage.append(Int(offsets.lowerBound.value)..<Int(offsets.upperBound.value))
                next = offsets.upperBound
            }
        }
        return (values, damage)
    }
}

func settings(_ pairs: [String: String]) throws(LogError) -> TopicSettings { try TopicSettings(pairs) }

func bigEndian<N: FixedWidthInteger>(_ value: N) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
}
