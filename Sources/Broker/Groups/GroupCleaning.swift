internal import EventLog
internal import GroupCoordination
internal import KafkaProtocol
internal import Logging
internal import NIOCore

/// Removes what has expired, from time to time: offsets of groups without members past `offsets.retention.minutes`,
/// groups that have neither members nor offsets, and what the table holds of groups that are no more.
extension GroupCoordinator {
    /// Waits for the disk.
    func clean(at now: Timestamp) {
        guard !isStopped else { return }
        expireOffsets(at: now)
        for stored in offsets.groups where stored.offsets.isEmpty && !stored.hasMembers && !isInUse(stored.id) {
            delete(stored.id, by: .coordinator, kind: nil) { _ in }
        }
        for group in groups { _ = group.withMachine(mayDrop: true) { _, _ in } }
    }

    private func expireOffsets(at now: Timestamp) {
        let minutes = settings.offsetsRetentionMinutes
        guard minutes >= 0 else { return }
        let limit = Timestamp(milliseconds: now.milliseconds - minutes * 60_000)
        let due = offsets.expiring(before: limit).filter { !isInUse($0.group) }
        guard !due.isEmpty else { return }
        do throws(LogError) {
            let count = try offsets.expire(due)
            logger.info(
                "offsets of groups without members have expired",
                metadata: ["offsets": "\(count)", "groups": "\(due.count)"])
        } catch {
            logger.error("offsets that have expired could not be removed", metadata: ["error": "\(error)"])
        }
    }

    /// Somebody is in it, or about to be.
    private func isInUse(_ id: String) -> Bool {
        withExisting(id) { _, state, _ in !state.machine.isForgettable || state.isAltered } ?? false
    }
}
