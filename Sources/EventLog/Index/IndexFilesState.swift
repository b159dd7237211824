/// What the files of a growing index hold of it.
struct IndexFilesState {
    var offsetEntries = 0
    var timeEntries = 0
    /// Both files are there: Kafka's rules want them, empty as they may be.
    var areThere = false
    /// They lack entries that recovery trusts by the last checkpoint: see `PartitionRecovery.indexedBytes`.
    var lacksTrusted = false
    /// They have more behind these, which may be torn, or of batches that were cut. It must go before a checkpoint comes to
    /// vouch for what it speaks of.
    var hasMore = false

    var byteCount: Int { offsetEntries * OffsetIndexEntryLayout.size + timeEntries * TimeIndexEntryLayout.size }

    /// Whether they must be written to hold so many entries and nothing else.
    func lack(offsets: Int, times: Int) -> Bool {
        offsets > offsetEntries || times > timeEntries || hasMore
    }
}
