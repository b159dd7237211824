/// The batches of one partition between the accumulator and their acknowledgement, in their order. Decides what may be
/// sent and under which sequence number; sends nothing itself.
///
/// A broker takes an idempotent producer's batches only in the order of their sequence numbers, without a gap. So after a
/// failure nothing is sent until everything on its way has come back. What is left is then numbered from the last
/// acknowledged record on: a retry has the number that it had, which lets the broker know it for one, and where a batch
/// was given up those behind it close the gap. A batch that was given up in doubt, because the broker may have it, keeps
/// its numbers: if the broker does not, it says so by the numbers of the next, which then go out under a new producer id.
struct PartitionQueue {
    /// Ascending by `serial`.
    private(set) var waiting: [ProducerBatch] = []
    private(set) var inFlight: [ProducerBatch] = []
    private(set) var isPaused = false
    private var lastSerial: Int64 = -1
    private var nextSequence: Int32 = 0
    /// The number after the last record that was acknowledged, or given up in doubt, of whichever batch has come furthest.
    private var settledEnd: Int32 = 0

    func canSend(inFlightMax: Int) -> Bool { !isPaused && inFlight.count < inFlightMax }
    var isEmpty: Bool { waiting.isEmpty && inFlight.isEmpty }

    mutating func add(_ batch: ProducerBatch) {
        // In another order a retry would take the sequence numbers of what came before it.
        precondition(lastSerial < batch.serial, "batch \(batch.serial) after batch \(lastSerial)")
        lastSerial = batch.serial
        waiting.append(batch)
    }

    /// Takes the next batch to send; its sequence number is set. Needs `canSend` and something that waits.
    mutating func send(producerID: Int64) -> ProducerBatch? {
        guard !isPaused, !waiting.isEmpty else { return nil }
        let batch = waiting.removeFirst()
        if batch.sequence != nextSequence || batch.producerID != producerID {
            batch.sequence = nextSequence
            batch.producerID = producerID
            batch.wire = nil
        }
        nextSequence = Self.sequence(nextSequence, plus: batch.recordCount)
        inFlight.append(batch)
        return batch
    }

    mutating func acknowledge(_ batch: ProducerBatch) {
        settle(batch)
        comeBack(batch)
    }

    private mutating func settle(_ batch: ProducerBatch) {
        guard let sequence = batch.sequence else { return }
        let end = Self.sequence(sequence, plus: batch.recordCount)
        if Self.isAfter(end, settledEnd) { settledEnd = end }
    }

    /// Back in line, before what was begun later.
    mutating func retry(_ batch: ProducerBatch) {
        waiting.insert(batch, at: waiting.firstIndex { $0.serial > batch.serial } ?? waiting.count)
        isPaused = true
        comeBack(batch)
    }

    /// Given up after it was sent; the broker does not have it.
    mutating func giveUp(_ batch: ProducerBatch) {
        isPaused = true
        comeBack(batch)
    }

    /// Gives up what `isExpired` says of all that waits.
    mutating func removeWaiting(where isExpired: (ProducerBatch) -> Bool) -> [ProducerBatch] {
        let expired = waiting.filter(isExpired)
        guard !expired.isEmpty else { return [] }
        waiting.removeAll(where: isExpired)
        for batch in expired where batch.isInDoubt { settle(batch) }
        isPaused = true
        resumeIfQuiet()
        return expired
    }

    /// A new producer id: its numbers start at 0. Needs that nothing is in flight.
    mutating func startAnew() {
        precondition(inFlight.isEmpty, "a new producer id with batches of the old one in flight")
        settledEnd = 0
        nextSequence = 0
        isPaused = false
    }

    /// Gives up everything, also what is in flight.
    mutating func removeAll() -> [ProducerBatch] {
        defer {
            waiting = []
            inFlight = []
        }
        return inFlight + waiting
    }

    private mutating func comeBack(_ batch: ProducerBatch) {
        inFlight.removeAll { $0 === batch }
        resumeIfQuiet()
    }

    private mutating func resumeIfQuiet() {
        guard isPaused, inFlight.isEmpty else { return }
        isPaused = false
        nextSequence = settledEnd
    }

    /// Whether a number comes after another, across the turn from the largest to 0: two numbers of one partition at one
    /// time are never half of all numbers apart.
    static func isAfter(_ number: Int32, _ other: Int32) -> Bool {
        let distance = (number &- other) & Int32.max
        return distance > 0 && distance < Int32.max / 2
    }

    /// Sequence numbers go on at 0 after the largest.
    static func sequence(_ sequence: Int32, plus count: Int) -> Int32 {
        (sequence &+ Int32(truncatingIfNeeded: count)) & Int32.max
    }
}
