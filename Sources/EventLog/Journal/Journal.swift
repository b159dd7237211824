internal import Storage

/// Where acknowledged rounds are durable until their segments are. A round is self-contained, so what keeps rounds can
/// be a ring on this disk or something elsewhere: nothing outside this folder knows.
protocol Journal: AnyObject, Sendable {
    /// The sequence number that the next round gets.
    var nextSequence: UInt64 { get }
    var epoch: UInt32 { get }
    var nonce: UInt64 { get }

    /// Waits while the journal is too full for a round of so many bytes. Throws where it cannot be emptied, or has tried in
    /// vain: nothing has happened then, and the next round may find room. By whoever appends.
    func awaitRoom(for byteCount: Int) throws(FileError)

    /// Makes a round durable, for which there is room. `round` is a whole number of blocks, aligned, its header and footer
    /// filled in. Throws when it cannot be written, after which it takes no more.
    func append(_ round: UnsafeRawBufferPointer) throws(FileError)

    /// Says that the segments hold durably what rounds below `sequence` brought: their space may be used again.
    func release(below sequence: UInt64) throws(FileError)
}
