import RecordFormat

/// Which partition a line's record goes to: the one that it says, that of its key, or else a thousand to each in turn.
/// The same each time that the lines are read.
struct LinePlaces {
    let partitionCount: Int
    private var placelessCount = 0

    init(partitionCount: Int) { self.partitionCount = partitionCount }

    mutating func partition(of record: RecordLine.Fields) -> Int {
        if let partition = record.partition { return partition }
        if let key = record.key { return DefaultPartitioner.partition(forKey: key.bytes, of: partitionCount) }
        placelessCount += 1
        return (placelessCount - 1) / 1000 % partitionCount
    }
}
