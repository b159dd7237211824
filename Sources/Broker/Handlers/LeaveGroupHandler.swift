internal import GroupCoordination
internal import KafkaProtocol

/// Members go: of their own accord, or sent by an operator, by their instance ids.
enum LeaveGroupHandler {
    /// The first version that names several members.
    private static let firstVersionOfMany: Int16 = 3

    static func handle(_ request: LeaveGroupRequest, _ call: Call) {
        guard request.groupID.isGroupID else {
            return call.reply(LeaveGroupResponse { $0.errorCode = .invalidGroupID })
        }
        let isOfMany = call.version >= firstVersionOfMany
        let members = isOfMany ? request.members : [.init { $0.memberID = request.memberID }]
        switch leave(request.groupID, members, call.connection.context.groups) {
        case .failure(let error): call.reply(LeaveGroupResponse { $0.errorCode = error.wireCode })
        case .success(let codes) where isOfMany: call.reply(response(members, codes))
        case .success(let codes): call.reply(LeaveGroupResponse { $0.errorCode = codes.first ?? .none })
        }
    }

    private static func leave(
        _ id: String, _ members: [LeaveGroupRequest.MemberIdentity], _ groups: GroupCoordinator
    ) -> Result<[ErrorCode], GroupError> {
        let departures = members.map { member in
            Departure(
                memberID: MemberID(member.memberID), instanceID: member.groupInstanceID.map { InstanceID($0) })
        }
        let result = groups.withExisting(id, mayDrop: true) { _, state, now -> Result<[ErrorCode], GroupError> in
            do throws(GroupError) {
                return .success(try state.machine.leave(departures, at: now).map { $0?.wireCode ?? .none })
            } catch {
                return .failure(error)
            }
        }
        return result ?? .success(members.map { _ in .unknownMemberID })
    }

    private static func response(
        _ members: [LeaveGroupRequest.MemberIdentity], _ codes: [ErrorCode]
    ) -> LeaveGroupResponse {
        LeaveGroupResponse {
            $0.members = zip(members, codes).map { member, code in
                LeaveGroupResponse.MemberResponse {
                    $0.memberID = member.memberID
                    $0.groupInstanceID = member.groupInstanceID
                    $0.errorCode = code
                }
            }
        }
    }
}
