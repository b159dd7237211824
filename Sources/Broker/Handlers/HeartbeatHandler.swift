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
                try state.machine.heartbeat(
                    of: MemberID(request.memberID), instanceID: request.groupInstanceID.map { InstanceID($0) },
                    generation: Generation(request.generationID), at: now)
                return ErrorCode.none
            } catch {
                return error.wireCode
            }
        }
        return code ?? .unknownMemberID
    }
}
