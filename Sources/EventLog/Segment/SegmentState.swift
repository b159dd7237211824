internal import Storage
internal import Synchronization

/// What a segment has open, and what is known of its files, under one lock.
///
/// An object of its own because `OpenSegments` refers to it weakly: the references to an object that anyone ever referred to
/// weakly are counted in a table beside it, which takes several times as long, and every look-up counts those to a segment.
final class SegmentState: Sendable {
    private let contents: Mutex<Contents>

    struct Contents: ~Copyable {
        /// nil: not opened since the log was opened.
        var file: (any StorageFile)?
        var index: SegmentIndex?
        /// The mapped log of a sealed segment, made for the first reader that wants it.
        var mapping: MappedFile?
        /// Of a growing index: what is in its files already.
        var files = IndexFilesState()
        /// What readers have found to be damaged.
        var damage = DamagedRanges()
        /// Its files have no names any more.
        var isRemoved = false
        /// Its files' names belong to another segment, or are about to.
        var isRetired = false

        var ownsNames: Bool { !isRemoved && !isRetired }

        /// What the index answers, if there is one; one whose files cannot be read any more is let go.
        @inline(__always)
        mutating func answer<R>(_ body: (SegmentIndex) -> R) -> R? {
            guard let index else { return nil }
            if let result = index.answer(body) { return result }
            self.index = nil
            return nil
        }
    }

    /// Of a sealed segment that nobody has opened yet.
    init() { contents = Mutex(Contents()) }

    /// Of the segment that is written.
    init(file: any StorageFile, index: GrowingIndex, indexFiles: IndexFilesState) {
        contents = Mutex(Contents(file: file, index: .growing(index), files: indexFiles))
    }

    @inline(__always)
    func withLock<R, E: Error>(
        _ body: (inout sending Contents) throws(E) -> sending R
    ) throws(E) -> sending R {
        try contents.withLock(body)
    }

    /// Closes what a sealed segment has open; whoever uses it now keeps it, and the next reader opens it again.
    func release() {
        withLock { state in
            if case .growing = state.index { return }
            // It could not be opened again.
            if state.isRetired { return }
            state.file = nil
            state.index = nil
            state.mapping = nil
        }
    }
}
