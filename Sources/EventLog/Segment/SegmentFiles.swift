/// The files of a segment, named as Kafka names them: the base offset in 20 digits.
enum SegmentFiles {
    static func log(_ base: Offset) -> String { name(base) + ".log" }
    static func offsetIndex(_ base: Offset) -> String { name(base) + ".index" }
    static func timeIndex(_ base: Offset) -> String { name(base) + ".timeindex" }

    /// A segment that is rewritten, before it takes the place of those that it replaces.
    static func rewrittenLog(_ base: Offset) -> String { log(base) + rewrittenSuffix }

    private static let rewrittenSuffix = ".cleaned"

    private static let digitCount = 20

    private static func name(_ base: Offset) -> String {
        String(unsafeUninitializedCapacity: digitCount) { digits in
            var rest = base.value.magnitude
            for i in digits[..<digitCount].indices.reversed() {
                let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
                digits[i] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digit)
                rest = quotient
            }
            return digitCount
        }
    }

    /// The base offsets of the segments among the names in a partition's directory, in order.
    static func baseOffsets(in names: [String]) -> [Offset] { baseOffsets(in: names, ".log") }

    /// Those that a rewritten segment was begun for.
    static func rewrittenBaseOffsets(in names: [String]) -> [Offset] {
        baseOffsets(in: names, ".log" + rewrittenSuffix)
    }

    /// Those that have an index file of either kind.
    static func indexedBaseOffsets(in names: [String]) -> Set<Offset> {
        Set(baseOffsets(in: names, ".index") + baseOffsets(in: names, ".timeindex"))
    }

    private static func baseOffsets(in names: [String], _ kind: String) -> [Offset] {
        names.compactMap { name in
            // Digits alone: `Int64` would take a sign, and the name that is made of the number again would be another.
            let digits = name.utf8.prefix(digitCount)
            guard name.hasSuffix(kind), name.utf8.count == digitCount + kind.utf8.count,
                digits.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
                let base = Int64(name.dropLast(kind.utf8.count))
            else { return nil }
            return Offset(base)
        }.sorted()
    }
}
