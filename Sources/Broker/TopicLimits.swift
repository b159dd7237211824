internal import EventLog
internal import KafkaProtocol
internal import Synchronization

extension BrokerContext {
    /// Creates topics or partitions where there is room for so many more: what is counted is still so when they are made.
    /// Where it may wait for the disk.
    func withRoom<R>(
        topics topicCount: Int, partitions partitionCount: Int, _ body: () throws(LogError) -> R
    ) throws(Refusal) -> R {
        let result = topicCreation.withLock { _ -> Result<R, Refusal> in
            do throws(Refusal) {
                try checkRoom(topics: topicCount, partitions: partitionCount)
                do throws(LogError) { return .success(try body()) } catch { throw Refusal(error) }
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Throws where so many more are too many. The topic of offsets does not count.
    func checkRoom(topics topicCount: Int, partitions partitionCount: Int) throws(Refusal) {
        let limits = settings.current.limits
        let topics = log.topics.filter { !InternalTopics.contains($0.name) }
        guard topicCount <= limits.topics - topics.count else {
            throw Refusal(
                .policyViolation,
                "there are \(topics.count) topics, and topics.max.count is \(limits.topics): delete some, or raise it")
        }
        let have = topics.reduce(0) { $0 + $1.partitions.count }
        guard partitionCount <= limits.partitions - have else {
            throw Refusal(
                .policyViolation,
                "there are \(have) partitions, and partitions.max.count is \(limits.partitions): delete topics, or raise it"
            )
        }
    }
}
