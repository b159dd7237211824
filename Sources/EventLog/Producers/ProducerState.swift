/// What a partition knows of an idempotent producer.
package struct ProducerState: Equatable, Sendable {
    package let id: Int64
    package let epoch: Int16
    /// Of the last record that it appended.
    package let lastSequence: Int32
    /// The largest timestamp of its last batch.
    package let lastTimestamp: Timestamp

    init(_ id: Int64, _ epoch: Int16, _ last: ProducerTable.Batch) {
        self.id = id
        self.epoch = epoch
        lastSequence = last.lastSequence
        lastTimestamp = last.timestamp
    }
}
