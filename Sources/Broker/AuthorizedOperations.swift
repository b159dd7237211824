/// What a client may do, as bits by the numbers of Kafka's ACL operations. Nobody is kept from anything: all that Kafka
/// knows for the kind of resource.
enum AuthorizedOperations {
    private enum Operation: Int32 {
        case read = 3
        case write, create, delete, alter, describe, clusterAction, describeConfigs, alterConfigs, idempotentWrite
    }

    static let topic = bits([.read, .write, .create, .delete, .alter, .describe, .describeConfigs, .alterConfigs])
    static let group = bits([.read, .delete, .describe])
    static let cluster = bits([
        .create, .alter, .describe, .clusterAction, .describeConfigs, .alterConfigs, .idempotentWrite,
    ])

    private static func bits(_ operations: [Operation]) -> Int32 {
        operations.reduce(0) { $0 | 1 << $1.rawValue }
    }
}
