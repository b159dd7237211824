internal import EventLog
internal import GroupCoordination
internal import KafkaProtocol
internal import Logging

/// Deletes groups without members, with all their offsets. Durable when it is answered.
enum DeleteGroupsHandler {
    static func handle(_ request: DeleteGroupsRequest, _ call: Call) {
        let groups = call.connection.context.groups
        var seen: Set<String> = []
        let ids = request.groupsNames.filter { seen.insert($0).inserted }
        let author = call.connection.author(clientID: call.clientID)
        let gathering = Gathering<ErrorCode>(ids.count) { codes in
            call.replyLater(
                DeleteGroupsResponse {
                    $0.results = zip(ids, codes).map { id, code in
                        DeleteGroupsResponse.Result {
                            $0.groupID = id
                            $0.errorCode = code
                        }
                    }
                })
        }
        for (place, id) in ids.enumerated() {
            groups.delete(id, by: author, kind: "delete") { gathering.set($0, at: place) }
        }
    }
}
