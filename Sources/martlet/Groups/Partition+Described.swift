import EventLog
import KafkaClient

extension Partition {
    /// What lies at an offset, or the nearest that there is.
    func described(at offset: Offset) throws(LogError) -> DescribedPosition {
        let (start, end) = (logStart, end)
        let first = min(max(offset, start), end)
        var position = DescribedPosition(logStart: start, end: end, bytesToEnd: 0)
        position.nextTimestamp = try read(from: .offset(first), maxRecords: 1).first?.timestamp
        return position
    }
}
