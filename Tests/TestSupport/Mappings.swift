internal import Glibc
internal import Storage

/// The files of a simulated disk that are mapped: copies, which a disk that cannot be read any more takes away.
struct Mappings {
    private var living: [Reference] = []
    private var nextPruning = 64

    private struct Reference {
        weak var mapping: MappedFile?
    }

    mutating func add(_ mapping: MappedFile) {
        living.append(Reference(mapping: mapping))
        guard living.count >= nextPruning else { return }
        living.removeAll { $0.mapping == nil }
        nextPruning = max(64, 2 * living.count)
    }

    /// What the system does where a page cannot be read: zeros from there on, and it is said.
    func lose() {
        for mapping in living.lazy.compactMap(\.mapping) {
            guard let start = mapping.bytes.baseAddress else { continue }
            mapping.lose()
            memset(UnsafeMutableRawPointer(mutating: start), 0, mapping.count)
        }
    }
}
