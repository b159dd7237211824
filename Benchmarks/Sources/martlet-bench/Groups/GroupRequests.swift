/// The requests of consumer groups, as consumers send them.
extension WireRequest {
    static func join(_ group: String, member: String, topic: String) -> WireRequest {
        WireRequest(.joinGroup, version: 5) { body in
            body.string(group)
            body.integer(GroupTimes.session)
            body.integer(GroupTimes.rebalance)
            body.string(member)
            body.null()
            body.string("consumer")
            body.array(["range"]) { body, name in
                body.string(name)
                body.bytes(subscription(to: topic))
            }
        }
    }

    /// ConsumerProtocolSubscription, version 1.
    private static func subscription(to topic: String) -> [UInt8] {
        var writer = WireWriter()
        writer.integer(Int16(1))
        writer.array([topic]) { $0.string($1) }
        writer.integer(Int32(-1))
        writer.integer(Int32(0))
        return writer.bytes
    }

    static func sync(
        _ group: String, generation: Int32, member: String, assignments: [(member: String, assignment: [UInt8])]
    ) -> WireRequest {
        WireRequest(.syncGroup, version: 3) { body in
            body.string(group)
            body.integer(generation)
            body.string(member)
            body.null()
            body.array(assignments) { body, assignment in
                body.string(assignment.member)
                body.bytes(assignment.assignment)
            }
        }
    }

    static func heartbeat(_ group: String, generation: Int32, member: String) -> WireRequest {
        WireRequest(.heartbeat, version: 3) { body in
            body.string(group)
            body.integer(generation)
            body.string(member)
            body.null()
        }
    }

    static func leave(_ group: String, member: String) -> WireRequest {
        WireRequest(.leaveGroup, version: 2) { body in
            body.string(group)
            body.string(member)
        }
    }

    static func commit(
        _ group: String, generation: Int32, member: String, topic: String, partitions: Range<Int32>, offset: Int64
    ) -> WireRequest {
        WireRequest(.offsetCommit, version: 7) { body in
            body.string(group)
            body.integer(generation)
            body.string(member)
            body.null()
            body.array([topic]) { body, topic in
                body.string(topic)
                body.array(partitions) { body, partition in
                    body.integer(partition)
                    body.integer(offset)
                    body.integer(Int32(-1))
                    body.string("")
                }
            }
        }
    }

    static func fetchOffsets(_ group: String, topic: String, partitions: Range<Int32>) -> WireRequest {
        WireRequest(.offsetFetch, version: 5) { body in
            body.string(group)
            body.array([topic]) { body, topic in
                body.string(topic)
                body.array(partitions) { $0.integer($1) }
            }
        }
    }

    /// - Parameters:
    ///   - epoch: 0 to join, −1 to leave.
    ///   - topic: nil: as before.
    ///   - owned: nil: as before.
    static func consumerHeartbeat(
        _ group: String, member: String, epoch: Int32, topic: String?, owned: [TopicAssignment]?
    ) -> WireRequest {
        WireRequest(.consumerGroupHeartbeat, version: 0, isFlexible: true) { body in
            body.compactString(group)
            body.compactString(member)
            body.integer(epoch)
            body.compactNull()
            body.compactNull()
            body.integer(epoch == 0 ? GroupTimes.rebalance : -1)
            if let topic { body.compactArray([topic]) { $0.compactString($1) } } else { body.compactNull() }
            body.compactNull()
            if let owned {
                body.compactArray(owned) { body, topic in
                    body.raw(topic.topicID)
                    body.compactArray(topic.partitions) { $0.integer($1) }
                    body.noTags()
                }
            } else {
                body.compactNull()
            }
            body.noTags()
        }
    }
}

/// Long enough that nobody is given up while something is measured.
enum GroupTimes {
    static let session: Int32 = 300_000
    static let rebalance: Int32 = 300_000
}

/// Partitions of one topic, by its id.
struct TopicAssignment: Equatable {
    let topicID: [UInt8]
    let partitions: [Int32]
}

/// What a coordinator answers to who joins.
struct JoinAnswer {
    let error: Int16
    let generation: Int32
    let leader: String
    let member: String
    /// Of the leader's answer.
    let members: [String]

    init(_ answer: inout WireReader) {
        _ = answer.integer(Int32.self)
        error = answer.integer()
        generation = answer.integer()
        _ = answer.string()
        leader = answer.string()
        member = answer.string()
        members = answer.array { member in
            let id = member.string()
            _ = member.string()
            _ = member.bytes()
            return id
        }
    }
}

enum GroupErrorCode {
    static let none: Int16 = 0
    static let rebalanceInProgress: Int16 = 27
    static let memberIDRequired: Int16 = 79
}

extension WireConnection {
    /// Joins a group that has no other member, until it is stable.
    func joinAlone(_ group: String, topic: String) throws -> JoinAnswer {
        var answer = try call(.join(group, member: "", topic: topic), JoinAnswer.init)
        if answer.error == GroupErrorCode.memberIDRequired {
            answer = try call(.join(group, member: answer.member, topic: topic), JoinAnswer.init)
        }
        guard answer.error == GroupErrorCode.none else { throw WireError.refused("joining a group", answer.error) }
        let sync = WireRequest.sync(
            group, generation: answer.generation, member: answer.member, assignments: [(answer.member, [])])
        let code = try call(sync) { answer in (answer.integer(Int32.self), answer.integer(Int16.self)).1 }
        guard code == GroupErrorCode.none else { throw WireError.refused("SyncGroup", code) }
        return answer
    }
}
