/// What the files of a growing index hold of it.
struct IndexFilesState {
    var offsetEntries = 0
    var timeEntries = 0
    /// They lack entries of what lies below the last checkpoint, whose entries recovery trusts.
    var lacksTrusted = false

    var byteCount: Int { offsetEntries * OffsetIndexEntryLayout.size + timeEntries * TimeIndexEntryLayout.size }
}
