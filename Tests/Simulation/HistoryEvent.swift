/// What was asked of a log and what it answered, in the order of time. A partition is a number that no other partition
/// ever had, nor one of a deleted topic; a record, the number of its value; an attempt, records that were sent together.
package enum HistoryEvent: Equatable, Sendable {
    /// How a life of the log ended. A kill leaves what was written, a loss of power what was synced.
    package enum Ending: Sendable { case closed, killed, lostPower }

    case ended(Ending)
    case opened
    /// What it was asked for failed without a reason, or it answered what cannot be.
    case broke(String)

    /// A power cut may cost the last so many records that were acknowledged; 0: none.
    case mayLose(partition: Int, records: Int64)
    /// All that was acknowledged is durable, of a partition that may lose some.
    case synchronized(partition: Int)
    case sent(Attempt)
    case acknowledged(attempt: Int, baseOffset: Int64)
    /// An idempotent producer has sent an attempt once more and was told where it is.
    case sentAgain(attempt: Int, baseOffset: Int64)
    /// Records from `first` on, to the end. `isFirst`: the first of this life.
    case read(partition: Int, isFirst: Bool, start: Int64, end: Int64, first: Int64, [Seen])
    /// While nobody had the log open, bits have turned over in the bytes of these records.
    case rotten(partition: Int, Range<Int64>)
    /// The journal may have let go of all that was acknowledged so far.
    case released
    /// The first record with this time or a later one; nil: there is none.
    case found(partition: Int, time: Int64, offset: Int64?)

    /// Records before the offset are to be deleted; then the log was said to start there.
    case deleting(partition: Int, before: Int64)
    case deleted(partition: Int, start: Int64)
    /// What is past its retention is deleted: records with times before this, if by time, else any but the last.
    case retaining(partition: Int, before: Int64?)
    /// Of the records before the offset, each may go that has a later one of its key among them, and each tombstone that
    /// an earlier compaction could meet so many milliseconds ago.
    case compacting(partition: Int, before: Int64, time: Int64 = 0, deleteRetention: Int64 = .max)

    case creating(topic: Int)
    case created(topic: Int)
    case deletingTopic(topic: Int)
    case deletedTopic(topic: Int)
    /// After opening.
    case listed(topic: Int, isThere: Bool)

    /// -1: the offset is removed.
    case committing(group: Int, partition: Int, offset: Int64)
    case committed(group: Int, partition: Int, offset: Int64)
    /// -1: there is none.
    case fetched(group: Int, partition: Int, isFirst: Bool, offset: Int64)

    package struct Attempt: Equatable, Sendable {
        package var partition: Int
        /// The value of the first record, and how many there are: their values follow each other.
        package var value: Int
        package var count: Int
        /// Of all of them.
        package var time: Int64
        /// How many keys there are for them: a record's is its value modulo that. 0: they have none.
        package var keyCount: Int

        package init(partition: Int, value: Int, count: Int, time: Int64, keyCount: Int = 0) {
            self.partition = partition
            self.value = value
            self.count = count
            self.time = time
            self.keyCount = keyCount
        }

        /// Whether a record with a key has no value but its number, and deletes the key.
        package static func isTombstone(_ value: Int) -> Bool { value % 7 == 6 }
    }

    package struct Seen: Equatable, Sendable {
        package var offset: Int64
        /// -1: bytes that nobody sent; `damaged`.
        package var value: Int

        /// The log said that it cannot be read.
        package static let damaged = -2

        package init(_ offset: Int64, _ value: Int) {
            self.offset = offset
            self.value = value
        }
    }
}
