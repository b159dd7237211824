/// What a checkpoint says of a partition's compaction. See docs/FORMAT.md, "Checkpoint".
struct CompactionMarks: Equatable, Sendable {
    /// No round of the journal brings anything to a segment whose base offset is below this: they are durable, and may
    /// have been exchanged.
    var replayFrom: Offset = 0
    /// Records before this were compacted.
    var cleanedTo: Offset = 0
    /// When the first of what compaction left there is due to go; `none`: nothing is.
    var nextHorizon = Timestamp.none
}

extension CompactionMarks {
    init(from reader: inout FieldReader) throws(FieldReader.EndedEarly) {
        replayFrom = Offset(try reader.next())
        cleanedTo = Offset(try reader.next())
        nextHorizon = Timestamp(milliseconds: try reader.next())
    }

    func encode(into writer: inout FieldWriter) {
        writer.add(replayFrom.value)
        writer.add(cleanedTo.value)
        writer.add(nextHorizon.milliseconds)
    }
}

/// How far a partition's segments may be exchanged.
struct CompactionState {
    var marks: CompactionMarks
    /// As `marks.replayFrom`, in both slots of the checkpoint, with the journal released: since the log was opened.
    var exchangeableTo: Offset = 0
    /// An exchange could not be finished: opening the log does.
    var isHalted = false

    init(_ marks: CompactionMarks) { self.marks = marks }
}
