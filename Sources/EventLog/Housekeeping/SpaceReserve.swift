internal import Logging
internal import Storage
internal import Synchronization

/// Room on the disk that records do not get (`min.free.bytes`), so that what the log itself has to write goes on: commits
/// of offsets, catalogue, checkpoints, settings, and what deleting needs.
///
/// Nobody asks the disk for an append: the checkpointer's thread looks each second, and who commits after so many bytes.
final class SpaceReserve: Sendable {
    private let directory: String
    private let fileSystem: any FileSystem
    private let settings: KeptState
    private let logger: Logger
    private let isShort = Atomic(false)
    private let bytesSinceLook = Atomic(0)
    /// What is told while it is short. Also held for a look: two at once would say things twice.
    private let reason = Mutex<LogError?>(nil)

    static let looksEach = Duration.seconds(1)
    static let bytesBetweenLooks = 64 << 20

    init(_ directory: String, _ fileSystem: any FileSystem, _ settings: KeptState, logger: Logger) {
        self.directory = directory
        self.fileSystem = fileSystem
        self.settings = settings
        self.logger = logger
    }

    /// Why no record is taken; nil: there is room.
    var refusal: LogError? { isShort.load(ordering: .relaxed) ? reason.withLock { $0 } : nil }

    /// What is kept free on a file system of so many bytes.
    static func bytes(of total: Int, _ settings: LogSettings) -> Int {
        settings.minFreeBytes.map { Int(clamping: $0) } ?? min(total / 20, 1 << 30)
    }

    /// By who commits.
    func wrote(_ bytes: Int) {
        let sum = bytesSinceLook.load(ordering: .relaxed) + bytes
        bytesSinceLook.store(sum, ordering: .relaxed)
        if sum >= Self.bytesBetweenLooks { look() }
    }

    func look() {
        bytesSinceLook.store(0, ordering: .relaxed)
        // A disk that does not say how much room it has says so when it is written.
        guard let space = try? fileSystem.space(at: directory) else { return }
        let reserve = Self.bytes(of: space.total, settings.settings.withLock { $0 })
        reason.withLock { reason in
            let wasShort = reason != nil
            // A little more than the reserve, before records are taken again: else it would come and go with every round.
            guard space.usable < (wasShort ? reserve + min(reserve / 16, 64 << 20) : reserve) else {
                guard wasShort else { return }
                reason = nil
                isShort.store(false, ordering: .relaxed)
                return logger.notice(
                    "there is room on the disk again: records are taken", metadata: ["free": "\(space.usable)"])
            }
            reason = .diskFull("\(space.usable) bytes are free, and min.free.bytes keeps \(reserve)")
            isShort.store(true, ordering: .relaxed)
            if !wasShort {
                logger.error(
                    """
                    the disk has no more room than min.free.bytes keeps: records are refused until there is more, \
                    everything else goes on
                    """, metadata: ["free": "\(space.usable)", "min.free.bytes": "\(reserve)"])
            }
        }
    }
}
