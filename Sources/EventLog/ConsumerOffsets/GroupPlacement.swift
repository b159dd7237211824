/// Which partition of `__consumer_offsets` has a group's records: as Kafka chooses it, so that a directory can move.
package enum GroupPlacement {
    /// Java's hash of the group's name, without its sign, over the number of partitions.
    package static func partition(of group: String, count: Int) -> Int {
        let hash = javaHash(group)
        // Kafka's abs: the one number that has no positive counterpart counts as 0.
        return Int(hash == .min ? 0 : abs(hash)) % max(count, 1)
    }

    /// Java's String.hashCode.
    static func javaHash(_ text: String) -> Int32 {
        text.utf16.reduce(0) { $0 &* 31 &+ Int32($1) }
    }
}
