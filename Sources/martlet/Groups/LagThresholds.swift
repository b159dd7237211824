/// What a script takes for too much. Each row is held against it.
struct LagThresholds: Hashable {
    var records: Int64?
    var bytes: Int64?
    var milliseconds: Int64?

    var isSet: Bool { records != nil || bytes != nil || milliseconds != nil }

    func arePassed(by total: LagTotal) -> Bool {
        Self.passes(total.records, records) || Self.passes(total.bytes, bytes)
            || Self.passes(total.milliseconds, milliseconds)
    }

    private static func passes(_ value: Int64?, _ limit: Int64?) -> Bool {
        guard let value, let limit else { return false }
        return value > limit
    }
}
