/// Someone who waits for a partition to grow. Called once, on the thread that committed: do little there.
package protocol PartitionWatcher: AnyObject, Sendable {
    func partitionAdvanced()
}
