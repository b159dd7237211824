/// What a group by the consumer protocol is about.
package enum ConsumerGroupPhase: Sendable {
    /// It has no members, if perhaps offsets.
    case empty
    /// Something has changed, and who is to own what is not decided yet.
    case assigning
    /// Members are on their way to their targets.
    case reconciling
    /// Everyone owns what it is to own.
    case stable
    /// It was deleted, or has gone from this coordinator. There is no way back.
    case dead

    /// As Kafka calls it.
    package var name: String {
        switch self {
        case .empty: "Empty"
        case .assigning: "Assigning"
        case .reconciling: "Reconciling"
        case .stable: "Stable"
        case .dead: "Dead"
        }
    }
}
