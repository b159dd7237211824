internal import EventLog
internal import GroupCoordination
internal import KafkaProtocol
internal import Logging
internal import NIOCore

extension GroupCoordinator {
    /// Deletes a group without members, with all that is stored of it.
    /// - Parameters:
    ///   - kind: what the group's history says of it; nil: nothing.
    ///   - completion: called from any thread, when it is durable or cannot be.
    func delete(
        _ id: String, by author: ChangeAuthor, kind: String?, _ completion: @escaping @Sendable (ErrorCode) -> Void
    ) {
        guard !isStopped else { return completion(.notCoordinator) }
        let begun: GroupError?? = withExisting(id) { group, state, _ in
            guard !state.isAltered else { return .alreadyFenced }
            do throws(GroupError) { try state.machine.delete() } catch { return error }
            // From here on it is dead to everyone; what it has on its way to the log comes first.
            state.isAltered = true
            group.afterChanges(&state) { group.removeStored(by: author, kind: kind, completion) }
            return nil
        }
        if let error = begun ?? .groupIDNotFound { completion(error.wireCode) }
    }
}

extension CoordinatedGroup {
    fileprivate func removeStored(
        by author: ChangeAuthor, kind: String?, _ completion: @escaping @Sendable (ErrorCode) -> Void
    ) {
        let offsets = coordinator.offsets
        guard let stored = offsets.group(id), !stored.isEmpty else { return end(nil, completion) }
        // What nobody has asked for is done only where nothing was committed meanwhile.
        if kind == nil, !stored.offsets.isEmpty {
            leaveTable()
            return completion(.nonEmptyGroup)
        }
        let note = kind.map { ChangeNote(kind: $0, id: offsets.makeChangeID()) }
        let change = GroupChange(stored.removal, by: author, note: note)
        _ = withMachine { state, _ in
            append(WaitingChange(change: change) { self.end($0, completion) }, &state)
        }
    }

    /// The group goes out of the table, whatever came of it: where it could not be deleted, it is restored from what is
    /// stored.
    private func end(_ error: LogError?, _ completion: @Sendable (ErrorCode) -> Void) {
        leaveTable()
        if let error {
            coordinator.logger.error(
                "a group could not be deleted", metadata: ["group": "\(id.abbreviated)", "error": "\(error)"])
            return completion(error.groupWireCode)
        }
        coordinator.logger.info("deleted a group", metadata: ["group": "\(id.abbreviated)"])
        completion(.none)
    }

    private func leaveTable() {
        _ = withMachine { state, _ in
            state.timer?.cancel()
            state.isDropped = true
        }
    }
}
