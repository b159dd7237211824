internal import EventLog
internal import GroupCoordination
internal import KafkaProtocol
internal import Logging
internal import NIOCore
internal import Synchronization

/// A group in the broker: its state machine behind a lock, and what carries out the machine's actions: parked requests
/// get their answers on the loops of their connections, what is to be stored is appended in order, and one timer wakes
/// the machine.
///
/// Whoever has a request calls under the lock, and carries out the actions before letting go of it: so answers, records
/// and timers come in the order of the machine's calls. Nothing waits under the lock.
final class CoordinatedGroup: Sendable {
    let id: String
    let coordinator: GroupCoordinator
    /// Where its timer runs, and where it hears of rounds.
    let loop: BrokerLoop
    private let state: Mutex<State>

    struct State: Sendable {
        var machine: GroupMachine
        var parked: [RequestID: ParkedCall] = [:]
        var lastRequest: UInt64 = 0
        var timer: Scheduled<Void>?
        /// Changes that found no room in the round that gathers, in order.
        var waiting: [WaitingChange] = []
        /// Changes of the group's state that have been appended and have not come out yet.
        var changesUnderWay = 0
        /// The last round with something of the group.
        var lastRound: UInt64 = 0
        /// When there may be room again for `waiting`.
        var waitingRound: UInt64 = 0
        /// Its offsets are being moved, or it is being deleted.
        var isAltered = false
        /// It is in the coordinator's table no more: another object may stand for the group.
        var isDropped = false
    }

    /// A change of the group on its way to the log.
    struct WaitingChange: Sendable {
        let change: GroupChange
        /// Called on the group's loop, without the lock: nil when the change is durable, else why it is not.
        let completion: @Sendable (LogError?) -> Void
    }

    init(_ id: String, _ coordinator: GroupCoordinator, _ loop: BrokerLoop, restoring stored: StoredGroup?) {
        self.id = id
        self.coordinator = coordinator
        self.loop = loop
        let machine = GroupMachine(id, coordinator, restoring: stored)
        coordinator.countMembers(bytes: machine.memberBytes)
        state = Mutex(State(machine: machine))
    }

    /// Calls the machine and carries out what it wants. Nil: the group was dropped meanwhile; look it up again.
    func withMachine<R: Sendable>(
        mayDrop: Bool = false, _ body: (inout State, Instant) -> R
    ) -> R? {
        let (result, isDropped) = state.withLock { state -> (R?, Bool) in
            guard !state.isDropped else { return (nil, false) }
            let before = state.machine.memberBytes
            let result = body(&state, coordinator.now)
            carryOut(&state)
            if mayDrop { drop(&state) }
            coordinator.countMembers(bytes: (state.isDropped ? 0 : state.machine.memberBytes) - before)
            return (result, state.isDropped)
        }
        if isDropped { coordinator.forget(self) }
        return result
    }

    /// Nothing is left of it, in memory or in the log.
    private func drop(_ state: inout State) {
        guard state.machine.isForgettable, state.changesUnderWay == 0, state.waiting.isEmpty, !state.isAltered,
            // A commit of another client may be on its way.
            coordinator.offsets.latestGroup(id).isEmpty
        else { return }
        state.timer?.cancel()
        state.isDropped = true
    }

    // MARK: The machine's actions

    private func carryOut(_ state: inout State) {
        for action in state.machine.classic?.takeActions() ?? [] { carryOut(action, &state) }
        for action in state.machine.consumer?.takeActions() ?? [] { carryOut(action, &state) }
    }

    private func carryOut(_ action: GroupAction, _ state: inout State) {
        switch action {
        case .answerJoin(let request, let answer):
            state.parked.removeValue(forKey: request)?.answer(JoinGroupResponse(answer))
        case .refuseJoin(let request, let error, let member):
            guard let parked = state.parked.removeValue(forKey: request) else { return }
            parked.answer(
                JoinGroupResponse(refusing: error.wireCode, member: member, version: parked.call.version))
        case .answerSync(let request, let answer):
            state.parked.removeValue(forKey: request)?.answer(SyncGroupResponse(answer))
        case .refuseSync(let request, let error):
            state.parked.removeValue(forKey: request)?.answer(SyncGroupResponse { $0.errorCode = error.wireCode })
        case .setTimer(let instant): setTimer(instant, &state)
        case .cancelTimer: setTimer(nil, &state)
        case .store(let number, let record): store(number, [.classicState(ClassicGroupState(record))], &state)
        case .expired(let member, let reason): logExpiry(of: member, reason)
        }
    }

    private func carryOut(_ action: ConsumerGroupAction, _ state: inout State) {
        switch action {
        case .answer(let request, let answer):
            state.parked.removeValue(forKey: request)?.answer(ConsumerGroupHeartbeatResponse(answer))
        case .refuse(let request, let error):
            state.parked.removeValue(forKey: request)?.answer(ConsumerGroupHeartbeatResponse(refusing: Refusal(error)))
        case .setTimer(let instant): setTimer(instant, &state)
        case .cancelTimer: setTimer(nil, &state)
        case .store(let number, let records): store(number, records.map(GroupEntry.init), &state)
        case .expired(let member, let reason): logExpiry(of: member, reason)
        }
    }

    private func setTimer(_ instant: Instant?, _ state: inout State) {
        state.timer?.cancel()
        state.timer = instant.map { instant in
            loop.eventLoop.scheduleTask(deadline: NIODeadline(instant)) { self.wake() }
        }
    }

    private func store(_ number: StoreID, _ entries: [GroupEntry], _ state: inout State) {
        let machine = state.machine.number
        let change = GroupChange(entries, by: .coordinator)
        append(WaitingChange(change: change) { self.stored(number, of: machine, $0) }, &state)
    }

    private func logExpiry(of member: MemberID, _ reason: GroupExpiry) {
        coordinator.logger.info(
            "a member of a group is given up",
            metadata: [
                "group": "\(id.abbreviated)", "member": "\(member.value.abbreviated)", "reason": "\(reason)",
            ])
    }

    private func wake() {
        _ = withMachine(mayDrop: true) { state, now in state.machine.wake(at: now) }
    }

    private func stored(_ number: StoreID, of machine: Int, _ error: LogError?) {
        if let error {
            coordinator.logger.error(
                "the state of a group could not be stored",
                metadata: ["group": "\(id.abbreviated)", "error": "\(error)"])
        }
        _ = withMachine(mayDrop: true) { state, now in
            state.machine.stored(number, of: machine, succeeded: error == nil, at: now)
        }
    }

    // MARK: From one protocol to the other

    /// Where nobody is in the group any more, who comes by the consumer protocol has it become one of that.
    func becomeConsumer(_ state: inout State) {
        guard let classic = state.machine.classic, classic.isReplaceable, !state.isAltered else { return }
        if state.changesUnderWay > 0 || coordinator.offsets.group(id)?.classicState != nil {
            append(WaitingChange(change: GroupChange([.remove(.classicState)], by: .coordinator)) { _ in }, &state)
        }
        setTimer(nil, &state)
        state.machine.replace(
            by: ConsumerProtocolGroup(
                id: id, rules: coordinator.consumerRules, topics: coordinator.topics,
                startingAt: GroupEpoch(classic.generation.value)))
    }

    /// The other way round.
    func becomeClassic(_ state: inout State) {
        guard let consumer = state.machine.consumer, consumer.isReplaceable, !state.isAltered else { return }
        let removal = consumer.removalRecords.map(GroupEntry.init)
        if !removal.isEmpty {
            append(WaitingChange(change: GroupChange(removal, by: .coordinator)) { _ in }, &state)
        }
        setTimer(nil, &state)
        state.machine.replace(by: ClassicGroup(id: id, rules: coordinator.rules))
    }

    // MARK: Parked requests

    /// Gives a request of the connection its number, and has it wait for its answer. On the connection's loop.
    func park(_ call: Call, _ state: inout State) -> RequestID {
        state.lastRequest += 1
        let parked = ParkedCall(call, RequestID(state.lastRequest), of: self)
        state.parked[parked.request] = parked
        call.connection.park(parked)
        return parked.request
    }

    func abandon(_ request: RequestID) {
        _ = withMachine(mayDrop: true) { state, now in
            guard state.parked.removeValue(forKey: request) != nil else { return }
            state.machine.abandon(request, at: now)
        }
    }

    // MARK: Storing

    /// Appends a change behind those before it.
    func append(_ change: WaitingChange, _ state: inout State) {
        state.waiting.append(change)
        if state.waiting.count == 1 { appendWaiting(&state) }
    }

    /// Appends a change that its request answers for; never ahead of one that waits.
    func appendNow(_ change: GroupChange, _ state: inout State) -> AppendOutcome {
        guard state.waiting.isEmpty else { return .full(awaiting: state.waitingRound) }
        let outcome = coordinator.offsets.append(change, to: id)
        if case .accepted(let ticket) = outcome { state.lastRound = max(state.lastRound, ticket.round) }
        return outcome
    }

    /// Appends what there is room for; goes on after the round where there is none.
    private func appendWaiting(_ state: inout State) {
        while let next = state.waiting.first {
            switch coordinator.offsets.append(next.change, to: id) {
            case .accepted(let ticket), .duplicate(let ticket):
                state.waiting.removeFirst()
                follow(ticket, &state, next.completion)
            case .full(let round):
                state.waitingRound = round
                return loop.afterRound(round) {
                    _ = self.withMachine { state, _ in self.appendWaiting(&state) }
                }
            case .rejected(let error):
                state.waiting.removeFirst()
                // Not from here: the machine is being called.
                loop.eventLoop.execute { next.completion(error) }
            }
        }
    }

    /// Runs `body` on the group's loop, without the lock, once all that was to be stored so far is, or could not be.
    func afterChanges(_ state: inout State, _ body: @escaping @Sendable () -> Void) {
        if state.waiting.isEmpty { return loop.afterRound(state.lastRound, body) }
        loop.afterRound(state.waitingRound) {
            _ = self.withMachine { state, _ in self.afterChanges(&state, body) }
        }
    }

    private func follow(
        _ ticket: AppendTicket, _ state: inout State, _ completion: @escaping @Sendable (LogError?) -> Void
    ) {
        state.changesUnderWay += 1
        state.lastRound = max(state.lastRound, ticket.round)
        loop.afterRound(ticket.round) {
            let error = self.coordinator.offsets.outcome(of: ticket, in: self.id)
            _ = self.withMachine { state, _ in state.changesUnderWay -= 1 }
            completion(error)
        }
    }
}

extension ChangeAuthor {
    /// Steps of the protocol are the coordinator's, whichever request was the cause.
    static let coordinator = ChangeAuthor(principal: "martlet", clientID: "groups", address: "local")
}

extension NIODeadline {
    init(_ instant: Instant) {
        // Far enough for any timeout, and small enough to count in nanoseconds.
        let milliseconds = max(0, min(instant.milliseconds, 1 << 43))
        self = .uptimeNanoseconds(UInt64(milliseconds) * 1_000_000)
    }
}

extension Instant {
    init(_ deadline: NIODeadline) {
        self.init(milliseconds: Int64(clamping: deadline.uptimeNanoseconds / 1_000_000))
    }
}
