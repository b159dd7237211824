internal import KafkaProtocol
internal import NIOCore

/// What a coordinator has to read of the metadata that members give to each other.
enum SubscriptionMetadata {
    /// What groups of consumers give as their protocol's type.
    static let protocolType = ConsumerProtocolSubscription.protocolType

    /// Whether two metadata of one member ask for the same. What a consumer owned is other after a start, and no wish.
    @Sendable
    static func asksForTheSame(_ protocolType: String, _ old: [UInt8], _ new: [UInt8]) -> Bool {
        if old == new { return true }
        guard protocolType == Self.protocolType, let old = wish(in: old),
            let new = wish(in: new)
        else { return false }
        return old == new
    }

    private struct Wish: Equatable {
        let topics: [String]
        let userData: ByteBuffer?
        let rackID: String?
    }

    private static func wish(in metadata: [UInt8]) -> Wish? {
        guard let subscription = try? ConsumerProtocolSubscription(reading: ByteBuffer(bytes: metadata)) else {
            return nil
        }
        return Wish(topics: subscription.topics, userData: subscription.userData, rackID: subscription.rackID)
    }

    /// The topics that members subscribe to; nil: one of the metadata is none of a consumer.
    static func topics(in metadata: [[UInt8]]) -> Set<String>? {
        var topics: Set<String> = []
        for bytes in metadata {
            guard let subscription = try? ConsumerProtocolSubscription(reading: ByteBuffer(bytes: bytes)) else {
                return nil
            }
            topics.formUnion(subscription.topics)
        }
        return topics
    }
}
