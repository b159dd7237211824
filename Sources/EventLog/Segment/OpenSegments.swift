internal import Storage
internal import Synchronization

/// Which sealed segments hold files and mappings open. A process has only so many of either, so those opened longest
/// ago are closed where there are too many, and opened again by the next reader who wants them.
final class OpenSegments: Sendable {
    /// One for the process: that is what the system counts by.
    static let shared = OpenSegments(max: min(4096, Swift.max(64, OpenFileLimit.current / 4)))

    private let max: Int
    private let opened = Mutex(Opened())

    /// A ring, once it is full.
    private struct Opened {
        var entries: [Entry] = []
        /// The one that was opened longest ago.
        var oldest = 0
    }

    private struct Entry {
        weak var segment: SegmentState?
    }

    /// `max`: a quarter of what the process may open, by default; and three mappings each.
    init(max: Int) { self.max = max }

    /// Takes note of a sealed segment that was just opened. Not under its lock.
    func add(_ segment: SegmentState) {
        let surplus: SegmentState? = opened.withLock { opened in
            guard opened.entries.count == max else {
                opened.entries.append(Entry(segment: segment))
                return nil
            }
            let surplus = opened.entries[opened.oldest].segment
            opened.entries[opened.oldest] = Entry(segment: segment)
            opened.oldest = (opened.oldest + 1) % max
            return surplus
        }
        surplus?.release()
    }
}
