import KafkaProtocol
import Testing

@testable import KafkaClient

@Suite("What a coordinator's refusal means to a member")
struct GroupFaultTests {
    @Test(
        "each of Kafka's codes for members",
        arguments: [
            (ErrorCode.memberIDRequired, GroupFault.memberIDRequired("m")),
            (.rebalanceInProgress, .rebalanceInProgress),
            (.illegalGeneration, .illegalGeneration), (.unknownMemberID, .unknownMember), (.fencedInstanceID, .fenced),
            (.notCoordinator, .coordinatorLost), (.coordinatorNotAvailable, .coordinatorLost),
            (.coordinatorLoadInProgress, .notNow), (.unstableOffsetCommit, .notNow),
            (.inconsistentGroupProtocol, .fatal(.inconsistentAssignors(group: "g"))),
            (.groupMaxSizeReached, .fatal(KafkaClientError(.groupMaxSizeReached))),
            (.invalidSessionTimeout, .fatal(KafkaClientError(.invalidSessionTimeout))),
            (.groupAuthorizationFailed, .fatal(KafkaClientError(.groupAuthorizationFailed))),
        ])
    func codes(code: ErrorCode, fault: GroupFault) {
        #expect(GroupFault(code, group: "g", memberID: "m") == fault)
    }

    @Test("a connection that breaks costs the coordinator, not the membership")
    func connections() {
        let address = BrokerAddress(host: "a", port: 1)
        for error in [
            KafkaClientError.connectionLost(address, reason: ""), .connectionRefused(address),
            .requestTimedOut(api: "Heartbeat", address), .invalidResponse(""), .unknownHost("a"),
            KafkaClientError(.coordinatorNotAvailable),
        ] {
            #expect(GroupFault(error) == .coordinatorLost, "\(error)")
        }
        for error in [KafkaClientError.closed, .cancelled, .unsupportedByBroker(api: "JoinGroup", address)] {
            #expect(GroupFault(error) == .fatal(error))
        }
    }
}
