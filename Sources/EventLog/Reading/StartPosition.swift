/// Where reading begins.
public enum StartPosition: Hashable, Sendable {
    /// The first record that is there.
    case earliest
    /// After the last durable record: only what comes later.
    case latest
    case offset(Offset)
    /// The first record, in order of offsets, whose timestamp is this one or later; the end if there is none.
    case timestamp(Timestamp)
}

extension Partition {
    /// The offset that a start position means now. Throws `offsetOutOfRange` for an offset that is not there.
    public func offset(of start: StartPosition) throws(LogError) -> Offset {
        switch start {
        case .earliest: return logStart
        case .latest: return end
        case .timestamp(let timestamp): return try offset(at: timestamp)?.offset ?? end
        case .offset(let offset):
            try checkRange(offset)
            return offset
        }
    }

    func checkRange(_ offset: Offset) throws(LogError) {
        let (start, end) = (logStart, end)
        guard offset >= start, offset <= end else {
            throw .offsetOutOfRange(requested: offset, start: start, end: end)
        }
    }
}
