/// A way in which the coordinator itself assigns partitions. The names are Kafka's.
package enum ServerAssignor: String, CaseIterable, Sendable {
    /// As even as can be, moving as little as possible.
    case uniform
    /// Neighbouring partitions of each topic, the same of all topics that have as many.
    case range

    func assign(_ problem: AssignmentProblem) -> [Set<TopicPartition>] {
        switch self {
        case .uniform: UniformAssignor.assign(problem)
        case .range: RangeAssignor.assign(problem)
        }
    }
}
