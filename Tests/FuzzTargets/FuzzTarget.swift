/// What a fuzzer feeds: foreign bytes to the code that takes them. A run finds a fault by a trap, by AddressSanitizer, or
/// by `preconditionFailure` here, where bytes were taken that do not come back from our own encoding.
///
/// The first bytes of an input often choose what the rest is given to, so that one corpus serves several decoders.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// Frames, requests of every API and version, and responses, which the client reads.
    case requests
    /// Record batches and LZ4 frames: checked, decoded, filtered, compressed.
    case batches
    /// The small files of a data directory, and the texts of settings.
    case files
    /// Segments and their indexes.
    case segments
    /// The ring of the journal: its headers and rounds.
    case journal
    /// Records of `__consumer_offsets`, and what members of groups send each other.
    case records
    /// The state machines of both group protocols, and the regular expressions of the newer one.
    case groups
    /// A whole data directory, damaged in a few places, opened and read.
    case directory

    package func run(_ input: UnsafeRawBufferPointer) {
        var input = FuzzInput(input)
        switch self {
        case .requests: RequestsTarget.run(&input)
        case .batches: BatchesTarget.run(&input)
        case .files: FilesTarget.run(&input)
        case .segments: SegmentsTarget.run(&input)
        case .journal: JournalTarget.run(&input)
        case .records: RecordsTarget.run(&input)
        case .groups: GroupsTarget.run(&input)
        case .directory: DirectoryTarget.run(&input)
        }
    }

    /// Inputs to begin with.
    package func seeds() throws -> [[UInt8]] {
        switch self {
        case .requests: try RequestsTarget.seeds()
        case .batches: try BatchesTarget.seeds()
        case .files: try FilesTarget.seeds()
        case .segments: try SegmentsTarget.seeds()
        case .journal: try JournalTarget.seeds()
        case .records: try RecordsTarget.seeds()
        case .groups: GroupsTarget.seeds()
        case .directory: DirectoryTarget.seeds()
        }
    }
}
