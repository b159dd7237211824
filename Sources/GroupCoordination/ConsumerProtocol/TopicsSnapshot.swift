/// The topics that there are. A value: groups share one until topics are created, deleted or get more partitions.
package struct TopicsSnapshot: Sendable {
    package struct Topic: Hashable, Sendable {
        package let key: TopicKey
        package let partitionCount: Int32
        /// A topic of the broker's own: nobody subscribes to it by a regular expression.
        package let isInternal: Bool

        package init(key: TopicKey, partitionCount: Int32, isInternal: Bool = false) {
            self.key = key
            self.partitionCount = max(0, partitionCount)
            self.isInternal = isInternal
        }
    }

    package let byName: [String: Topic]

    package init(_ topics: [String: Topic]) { byName = topics }
}
