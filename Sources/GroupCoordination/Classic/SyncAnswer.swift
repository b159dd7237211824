/// What a member is to do in its generation.
package struct SyncAnswer: Hashable, Sendable {
    package let protocolType: String
    package let protocolName: String
    package let assignment: [UInt8]
}
