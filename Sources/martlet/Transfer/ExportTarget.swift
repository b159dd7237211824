import RecordFormat

/// Where an export goes: a file or a directory. Batches come in order within a partition.
protocol ExportTarget: AnyObject {
    /// Takes what a batch has of a part, and says so in it: records, checksum, and what comes next. Throws `BatchError`
    /// where the batch is damaged; then nothing of it was taken, and nothing said.
    func take(_ batch: UnsafeRawBufferPointer, into part: inout TransferState.Part) throws
    /// Makes what was taken durable.
    func synchronize(_ state: inout TransferState) throws
    /// The last of it: from here on it is whole.
    func finish(_ state: inout TransferState) throws
    /// Reads all of it back and compares.
    func verify(_ state: TransferState, progress: (Int) -> Void) throws
    /// Lets go of it, where it is not whole yet.
    func abandon()
}
