import Foundation

/// A member of a group as the loop below drives it: one request at a time.
protocol GroupMember: AnyObject {
    var connection: WireConnection { get }
    /// When it wants to send a heartbeat; nil: it waits for an answer.
    var heartbeatDue: ContinuousClock.Instant? { get }
    func sendHeartbeat() throws
    /// Where it stands, for who looks into a group that does not settle.
    var standing: String { get }
    func take(_ answer: UnsafeRawBufferPointer) throws
}

/// Drives many members, each on a connection of its own, in one thread.
final class MemberLoop<Member: GroupMember> {
    private(set) var members: [Int: Member] = [:]
    private let poller = WirePoller()
    private var added = 0

    func add(_ member: Member) {
        members[added] = member
        poller.add(member.connection, number: added)
        added += 1
    }

    func remove() -> Member? { members.popFirst()?.value }

    /// How many members stand where.
    private var standings: String {
        Dictionary(grouping: members.values, by: \.standing).map { "\($0.value.count) \($0.key)" }.sorted()
            .joined(separator: ", ")
    }

    /// Until `isDone`, which is asked after each answer.
    func run(until isDone: () -> Bool) throws {
        let limit = ContinuousClock.now + .seconds(30)
        while true {
            let now = ContinuousClock.now
            guard now < limit else { throw RebalanceError.stuck(standings) }
            var wake = limit
            for member in members.values {
                guard let due = member.heartbeatDue else { continue }
                if due <= now { try member.sendHeartbeat() } else if due < wake { wake = due }
            }
            var isOver = false
            try poller.wait(until: wake) { number in
                guard let member = members[number], !isOver else { return }
                try member.connection.receive(member.take)
                isOver = isDone()
            }
            if isOver { return }
        }
    }
}

enum RebalanceError: Error, CustomStringConvertible {
    case stuck(String)
    case wrongAssignment(String)

    var description: String {
        switch self {
        case .stuck(let standings): "the group did not settle within half a minute: \(standings)"
        case .wrongAssignment(let what): what
        }
    }
}

/// When the next heartbeat of one of many members is due: they do not all beat at once.
struct HeartbeatSchedule {
    let interval: Duration

    /// Of a member that has just settled.
    func first() -> ContinuousClock.Instant { .now + interval * Double.random(in: 0..<1) }
    func next() -> ContinuousClock.Instant { .now + interval }
}
