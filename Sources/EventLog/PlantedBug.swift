#if PLANTED_BUGS
/// A mistake in the engine that the simulation has to find. Only in a build that is made for that
/// (`tools/simulate --planted-bugs`): nothing of it is in any other.
package enum PlantedBug: String, CaseIterable, Sendable {
    /// Readers see a round before the journal has it.
    case watermarkEarly
    /// What was written and never acknowledged is read once the log is opened, before it is durable.
    case unacknowledgedTailKept
    /// The journal gives up rounds before the segments that they are in are synced.
    case journalReleasedEarly
    /// Of the rounds of the journal the last one is not read back.
    case replayOneRoundShort
    /// Reading the journal ends where the ring begins anew.
    case replayEndsAtWrap
    /// A round's checksums are not looked at.
    case checksumIgnored
    /// What index files say is taken for true.
    case indexTrusted
    /// Index files that cannot be read any more are taken for zeros.
    case unreadableIndexTrusted
    /// What producers sent is not found out again.
    case sequencesForgotten
    /// A committed offset is acknowledged before it is durable.
    case commitAcknowledgedEarly
    /// A round is written over ones that are needed.
    case journalOverwritten
    /// A partition goes on after a write that failed.
    case failedWriteIgnored
    /// A batch whose checksum is wrong is passed over without a word.
    case damagePassedOver
    /// What is damaged reaches to the end of its segment.
    case damageReachesOn
    /// The journal repairs nothing that a checkpoint has covered.
    case coveredNotRepaired
    /// Compaction takes away the newest record of a key, too, where it is in the last segment that is compacted.
    case newestCompactedAway
    /// Compaction takes a tombstone away as soon as it meets it.
    case tombstonesDroppedEarly
    /// A rewritten segment takes the place of others before it is synced.
    case rewrittenNotSynced
    /// An exchange of segments that was announced is not brought to its end when the log is opened.
    case exchangeNotFinished
    /// Segments are exchanged of which the journal has rounds that are replayed.
    case exchangedUnsettled

    /// The one that is at work.
    package nonisolated(unsafe) static var planted: PlantedBug?

    var isPlanted: Bool { Self.planted == self }
}
#endif
