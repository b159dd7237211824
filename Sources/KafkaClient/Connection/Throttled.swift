internal import KafkaProtocol

/// An answer in which a broker may ask for a pause (KIP-219): it mutes a connection for that time, so that what a client
/// sends meanwhile would only wait there.
protocol ThrottledResponse {
    var throttleTimeMs: Int32 { get }
    /// In older versions the broker made its pause before it answered.
    static var firstVersionWithPauseAfter: Int16 { get }
}

extension ThrottledResponse {
    /// nil: the broker asks for none.
    func pause(version: Int16) -> Duration? {
        throttleTimeMs > 0 && version >= Self.firstVersionWithPauseAfter ? .milliseconds(Int64(throttleTimeMs)) : nil
    }
}

extension ProduceResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 6 } }
extension FetchResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 8 } }
extension ListOffsetsResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 3 } }
extension MetadataResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 6 } }
extension ApiVersionsResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 2 } }
extension CreateTopicsResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 3 } }
extension DeleteTopicsResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 2 } }
extension InitProducerIDResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 1 } }
extension DescribeConfigsResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 2 } }
extension CreatePartitionsResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 1 } }
extension IncrementalAlterConfigsResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 0 } }
extension DeleteRecordsResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 1 } }
extension FindCoordinatorResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 2 } }
extension ListGroupsResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 2 } }
extension DescribeGroupsResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 2 } }
extension ConsumerGroupDescribeResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 0 } }
extension OffsetFetchResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 4 } }
extension OffsetCommitResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 4 } }
extension DeleteGroupsResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 1 } }
extension OffsetDeleteResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 0 } }
extension AlterGroupOffsetsResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 0 } }
extension DescribePositionsResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 0 } }
extension DescribeSegmentsResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 0 } }
extension JoinGroupResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 3 } }
extension SyncGroupResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 2 } }
extension HeartbeatResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 2 } }
extension LeaveGroupResponse: ThrottledResponse { static var firstVersionWithPauseAfter: Int16 { 2 } }
