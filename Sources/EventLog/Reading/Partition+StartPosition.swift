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
