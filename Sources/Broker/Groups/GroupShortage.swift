internal import EventLog
internal import KafkaProtocol

/// Why there cannot be one group more.
enum GroupShortage: Error {
    /// There are as many as there may be.
    case tooMany(limit: Int)
    /// What all are called and have committed takes as much memory as it may.
    case noRoom(limit: Int)

    /// The code for who commits; who joins is told GROUP_MAX_SIZE_REACHED.
    var commitCode: ErrorCode {
        switch self {
        case .tooMany: .policyViolation
        case .noRoom(let limit): LogError.offsetsFull(limit: limit).groupWireCode
        }
    }

    var message: String {
        switch self {
        case .tooMany: "there are groups.max.count groups: delete some, or raise the limit"
        case .noRoom(let limit): LogError.offsetsFull(limit: limit).wireMessage
        }
    }
}
