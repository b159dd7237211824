internal import CSystemCalls

/// The machine's processors.
package enum Processors {
    /// How many this process may run on, by its affinity (`taskset`, a container's set); nil where the system does not say.
    package static var usableCount: Int? {
        let count = Int(martlet_usable_processors())
        return count > 0 ? count : nil
    }
}
