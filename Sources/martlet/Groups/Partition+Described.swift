import EventLog
import KafkaClient

extension Partition {
    /// What lies at an offset, or at the nearest that there is.
    func described(at offset: Offset) throws(LogError) -> DescribedPosition {
        let position = try position(at: min(max(offset, logStart), end))
        return DescribedPosition(
            logStart: position.logStart, end: position.end, bytesToEnd: position.bytesToEnd,
            nextTimestamp: position.nextTimestamp)
    }
}
