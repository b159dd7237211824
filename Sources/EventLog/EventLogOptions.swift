public import Logging
package import Storage

/// How a log is opened. The defaults are safe.
public struct EventLogOptions: Sendable {
    /// What the journal may grow to, in bytes: it bounds the time of recovery. At least 64 MiB.
    public var journalBytesMax = 512 << 20
    /// The journal's size in a new directory, in bytes: small, so that an empty directory opens in milliseconds.
    public var journalBytesInitial = 4 << 20
    /// Opens a directory whose journal is missing, damaged or foreign, giving up what only the journal held.
    public var acceptsJournalLoss = false
    /// Opens a directory in which a partition's checkpoint is missing, or neither of its slots is whole, by what the segments
    /// hold: records that were deleted and lie in a segment that holds others are there again.
    public var acceptsCheckpointLoss = false
    /// How the directory is kept in bounds, until `EventLog.apply` says otherwise.
    public var settings = LogSettings()
    /// Deletes what is past its retention, and compacts, on threads of its own from the start. Off where `EventLog`'s
    /// owner has something to set first, or only looks: then `startHousekeeping` begins with it.
    public var runsHousekeeping = true
    public var logger = Logger(label: "martlet.log")

    /// The world around the log, which a test replaces.
    package var environment = Environment()

    public init() {}
}

/// Files, clocks and chance.
package struct Environment: Sendable {
    package var fileSystem: any FileSystem = PosixFileSystem()
    /// The time of day, for records without a timestamp and for LogAppendTime.
    package var now: @Sendable () -> Timestamp = wallClock
    package var random: @Sendable () -> UInt64 = {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
    package var footprint = Footprint()

    package init() {}
}

/// What a log takes of the machine. A simulation opens hundreds of logs a second and wants nothing to happen by chance.
package struct Footprint: Sendable {
    /// False: nothing happens but on the caller's thread. Then only blocking calls may be used, and what the threads
    /// would do is done by `EventLog.work`.
    package var runsThreads = true
    /// What a new journal has at least, in bytes, and what every journal may grow to at least.
    package var journalBytesMin = 1 << 20, journalGrowthMin = 64 << 20
    /// What one round takes at most, in bytes, with all around it.
    package var roundBytesMax = StagingBuffer.capacity
    /// By so many bytes of the segment that is written its index files grow at a time: most checkpoints of a partition that
    /// gets little leave them alone. When the directory is closed they get the rest.
    package var indexStride = 64 << 10

    package init() {}

    /// How many bytes of a segment its index files speak of, where a checkpoint says that it ends at `position`; all, where
    /// the directory was closed then.
    func indexedBytes(upTo position: Int) -> Int { position - position % indexStride }
}
