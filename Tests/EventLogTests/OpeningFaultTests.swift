import Simulation
import Testing

/// What goes wrong while a directory is opened, or went wrong in the life before: at each call, in small directories.
@Suite struct OpeningFaultTests {
    private static let filled = [
        Step(.create, 0, 1, 0), Step(.create, 1, 1, 5), Step(.append, 0, 0, 2, 300), Step(.append, 1, 0, 3, 100),
        Step(.commit, 0, 0, 0), Step(.append, 0, 0, 1, 300),
    ]

    private func expect(_ steps: [Step], seed: Int, sourceLocation: SourceLocation = #_sourceLocation) {
        let plan = Plan(seed: UInt64(seed), steps: steps)
        let violation = plan.violation()
        #expect(violation == nil, "\(plan.text)", sourceLocation: sourceLocation)
    }

    @Test(arguments: [FaultKind.ioError, .filesMax])
    func whatCannotBeReadIsNotTakenForTheEndOfTheLog(_ kind: FaultKind) {
        for call in 1...120 {
            let fault = Step(.fault, kind.rawValue, call, 1)
            expect(Self.filled + [fault, Step(.kill), Step(.append, 0, 0, 1, 53), Step(.kill)], seed: call)
        }
    }

    @Test func committedOffsetsThatCannotBeReadAreNotTakenForNone() {
        for call in 1...90 {
            let fault = Step(.fault, FaultKind.ioError.rawValue, call, 1)
            expect([Step(.create, 0, 1, 0), Step(.commit, 0, 0, 0), fault, Step(.kill), Step(.verify)], seed: call)
        }
    }

    /// The process is killed while it writes a round, which the disk has as a whole, but not for good. Who opens the
    /// directory next sees it, and from then on it must stay.
    @Test func aRoundThatWasBeingWrittenStaysOnceItWasRead() {
        for seed in 0..<40 {
            for call in 1...4 {
                let fault = Step(.fault, FaultKind.killWithin.rawValue, call)
                expect(
                    [
                        Step(.create, 0, 1, 0), Step(.append, 0, 0, 1, 50), fault, Step(.append, 0, 0, 1, 3800),
                        Step(.cut),
                    ],
                    seed: seed)
            }
        }
    }

    /// The sync of a checkpoint fails, and the process is killed. Who opens the directory next sees the new start, and
    /// from then on nothing before it comes back.
    @Test func aStartWhoseSyncFailedStaysOnceItWasRead() {
        for call in 1...60 {
            let fault = Step(.fault, FaultKind.ioError.rawValue, call)
            expect(
                [Step(.create, 0, 1, 2), Step(.append, 0, 0, 4, 300), fault, Step(.trim, 0, 0, 617), Step(.kill)],
                seed: 1)
        }
    }

    /// A deletion fails when its start is durable, and a later checkpoint, which is not, says that nothing was deleted. Who
    /// opens the directory after a kill reads from the old start, and from then on those records must stay.
    @Test func aStartThatADeletionFailedToSetDoesNotComeBackOnceTheOldOneWasRead() throws {
        let steps =
            "create 0 2 3; number 0 0 5 639; commit 0 0 1; number 0 0 1 46; snapshot; append 0 0 1 697; append 0 0 1 403; "
            + "spoil 76 8004; append 0 1 1 232; number 0 0 1 677; fault 6 36 0; spread 0 1 446; commit 1 0 0; commit 0 0 0; "
            + "trim 0 0 803; append 0 0 3 694; commit 0 0 0; fault 8 10 0; fault 1 60 0; number 0 0 1 446"
        for seed in 1...20 { expect(try #require(Plan("\(seed): \(steps)")).steps, seed: seed) }
    }

    /// A partition is made ready for compaction: from a checkpoint on, rounds of its segments are not replayed. The process
    /// is killed when that is written, and not synced. Who opens the directory next replays none, and the journal must not
    /// let go of them before the checkpoint is durable.
    @Test func aCheckpointThatNeedsNoRoundsForSegmentsStaysOnceItWasRead() {
        for call in 15...60 {
            let fault = Step(.fault, FaultKind.kill.rawValue, call)
            expect(
                [
                    Step(.create, 0, 1, 7), Step(.append, 0, 0, 1, 594), Step(.roll, 0, 0), fault, Step(.compact),
                    Step(.work, 15_000),
                ],
                seed: call)
        }
    }

    /// The new segment of an exchange has its name, and nobody knows whether for good. Readers must not see it: a loss of
    /// power could bring back what they have seen to be gone.
    @Test func whatACompactionTookAwayDoesNotComeBackOnceThatWasRead() {
        for call in 50...120 {
            let fault = Step(.fault, FaultKind.ioError.rawValue, call)
            for seed in 1...4 {
                expect(
                    [
                        Step(.create, 0, 1, 7), Step(.append, 0, 0, 5, 250), Step(.append, 0, 0, 4, 250),
                        Step(.roll, 0, 0), fault, Step(.compact), Step(.verify),
                    ],
                    seed: seed)
            }
        }
    }

    /// A checkpoint is written and cannot be synced, as no descriptor is left. The next one must not take the other slot, which
    /// alone is durable: of a write that fails halfway half is there, and a loss of power takes the first one.
    @Test func aCheckpointThatWasNotSyncedIsNotFollowedInTheOtherSlot() {
        for call in 8...30 {
            for shortCall in 6...16 {
                expect(
                    [
                        Step(.create, 0, 1, 0), Step(.append, 0, 0, 1, 200),
                        Step(.fault, FaultKind.filesMax.rawValue, call), Step(.checkpoint),
                        Step(.append, 0, 0, 1, 100), Step(.fault, FaultKind.shortWrite.rawValue, shortCall),
                        Step(.checkpoint), Step(.cut, 1),
                    ],
                    seed: 1)
            }
        }
    }

    /// A segment fails to begin, with its file there and the name durable by the next checkpoint. The log goes on in the one
    /// before, and takes the file away when the next one begins: it must not be back, behind a checkpoint that names an end
    /// past it, in the middle of the records that were appended since.
    @Test func aSegmentThatFailedToBeginDoesNotComeBackInTheMiddleOfOthers() throws {
        let steps =
            "create 0 2 8; fault 7 36 0; number 0 0 6 304; number 0 0 1 663; roll 0 0; fault 6 53; compact 0; number 0 0 1 497; "
            + "number 0 0 1 546; number 0 0 2 556; fault 9 12 0; close"
        expect(try #require(Plan("3884953: \(steps)")).steps, seed: 3_884_953)
        for call in 10...16 {
            for (seed, last) in (1...4).flatMap({ seed in (11...13).map { (seed, $0) } }) {
                let steps =
                    "create 0 1 0; append 0 0 1 300; fault 4 \(call); roll 0 0; checkpoint; append 0 0 1 300; roll 0 0; "
                    + "append 0 0 1 300; fault 9 \(last); checkpoint; cut 1"
                expect(try #require(Plan("\(seed): \(steps)")).steps, seed: seed)
            }
        }
    }

    /// A topic that skips the journal: its last segment was cut when the log was opened, the process was killed, and the next
    /// one begins another segment. A loss of power brings back what was cut: it must not stand before records that are synced.
    @Test func whatWasCutDoesNotComeBackBeforeSyncedRecords() throws {
        let steps = "create 0 1 5; number 0 1 3 419; checkpoint; append 0 0 1 171; cut 1196; kill; append 0 1 6 306"
        expect(try #require(Plan("389483530: \(steps)")).steps, seed: 389_483_530)
    }

    /// What is to be deleted need not be synced. Where the deletion fails for want of room, it stays, and the next checkpoint
    /// must not take it for synced: the journal would let go of its only durable copy.
    @Test func whatADeletionThatFailedLeftIsSyncedByTheNextCheckpoint() throws {
        for call in 46...54 {
            let steps =
                "create 0 2 0; create 1 2 5; number 0 0 1 453; fault 5 \(call) 0; append 0 0 5 7167; number 0 1 1 388; "
                + "read 0 0 219; trim 0 0 642; number 0 0 2 33; checkpoint"
            expect(try #require(Plan("795393951: \(steps)")).steps, seed: 795_393_951)
        }
    }

    /// A write to the journal fails, and so does one of a checkpoint, which leaves half a slot: the next one takes what the
    /// segments hold, also what was never acknowledged. Once it was read it must not vanish.
    @Test func whatWasFoundBehindATornCheckpointStaysOnceItWasRead() throws {
        let steps =
            "create 0 2 0; create 1 1 0; number 0 0 6 150; fault 4 4 0; fault 4 24 0; spread 1 1 210; append 0 0 6 76; "
            + "commit 1 0 0; commit 1 0 0; checkpoint; fault 6 10 0; read 0 0 321; close"
        expect(try #require(Plan("83560: \(steps)")).steps, seed: 83560)
    }

    /// A topic that skips the journal: what opening removed must not come back behind what was appended since.
    @Test func whatWasRemovedDoesNotComeBackBehindLaterRecords() throws {
        let steps =
            "create 0 1 6; number 0 0 1 8558; append 0 0 1 365; cut 4717; fault 9 4 1; cut 1900; cut 334; spread 0 1 343"
        expect(try #require(Plan("296916769: \(steps)")).steps, seed: 296_916_769)
    }
}
