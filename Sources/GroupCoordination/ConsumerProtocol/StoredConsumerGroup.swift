/// All that is stored of a group by the consumer protocol.
package struct StoredConsumerGroup: Hashable, Sendable {
    package var epoch: GroupEpoch?
    package var topicsHash: Int64 = 0
    package var targetEpoch: GroupEpoch?
    package var members: [MemberID: ConsumerGroupRecord.Member] = [:]
    package var targets: [MemberID: [TopicShare]] = [:]
    package var currents: [MemberID: ConsumerGroupRecord.Current] = [:]

    package init() {}

    package mutating func apply(_ record: ConsumerGroupRecord) {
        switch record {
        case .group(let epoch, let hash):
            self.epoch = epoch
            topicsHash = hash
        case .removeGroup:
            epoch = nil
            topicsHash = 0
        case .member(let id, let member): members[id] = member
        case .removeMember(let id): members[id] = nil
        case .targetEpoch(let epoch): targetEpoch = epoch
        case .removeTargetEpoch: targetEpoch = nil
        case .target(let id, let shares): targets[id] = shares
        case .removeTarget(let id): targets[id] = nil
        case .current(let id, let current): currents[id] = current
        case .removeCurrent(let id): currents[id] = nil
        }
    }
}
