internal import GroupCoordination
internal import KafkaProtocol

enum HeartbeatHandler {
    static func handle(_ request: HeartbeatRequest, _ call: Call) {
        call.reply(HeartbeatResponse { $0.errorCode = answer(request, call.connection.context.groups) })
    }

    private static func answer(_ request: HeartbeatRequest, _ groups: GroupCoordinator) -> ErrorCode {
        guard request.groupID.isGroupID else { return .invalidGroupID }
        let code = groups.withExisting(request.groupID) { _, state, now in
            do throws(GroupError) {
                let found: Void? = try state.machine.classic?.heartbeat(
                    of: MemberID(request.memberID), instanceID: request.groupInstanceID.map { InstanceID($0) },
                    generation: Generation(request.generationID), at: now)
                return found == nil ? ErrorCode.unknownMemberID : .none
            } catch {
                return error.wireCode
            }
        }
        return code ?? .unknownMemberID
    }
}
