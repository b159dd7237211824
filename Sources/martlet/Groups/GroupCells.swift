import RecordFormat

/// Figures of groups in tables.
extension Table.Cell {
    init(_ offset: Offset?) { self = offset.map { .number($0.value) } ?? .none }
    init(_ number: Int64?) { self = number.map { .number($0) } ?? .none }

    /// A span of time; in JSON it is seconds, exact.
    static func span(_ milliseconds: Int64?) -> Self {
        milliseconds.map { .figure(SpanText.forPeople($0), json: SpanText.seconds($0)) } ?? .none
    }

    static func bytes(_ count: Int64?) -> Self { count.map { .figure($0.asBytes, json: String($0)) } ?? .none }

    static func time(_ time: Timestamp?) -> Self { .init(time.map { TimeText.format($0.milliseconds) }) }
}
