import NIOCore
import Testing

@testable import KafkaClient

@Suite("PartitionQueue")
struct PartitionQueueTests {
    private func batch(_ serial: Int64, records: Int = 1) -> ProducerBatch {
        let batch = ProducerBatch(compression: .none)
        batch.serial = serial
        for _ in 0..<records { batch.builder.append(Record(value: "v"), defaultTimestamp: Timestamp(milliseconds: 1)) }
        return batch
    }

    private func queue(_ batches: [ProducerBatch]) -> PartitionQueue {
        var queue = PartitionQueue()
        for batch in batches { queue.add(batch) }
        return queue
    }

    @Test("batches are numbered by the records before them")
    func numbers() {
        var queue = queue([batch(0, records: 3), batch(1, records: 2), batch(2)])
        #expect((0..<3).map { _ in queue.send(producerID: 7)?.sequence } == [0, 3, 5])
        let none = queue.send(producerID: 7)
        #expect(none == nil)
        #expect(queue.inFlight.map(\.producerID) == [7, 7, 7])
    }

    @Test("nothing more is sent than may be in flight")
    func bound() {
        var queue = queue((0..<4).map { batch(Int64($0)) })
        _ = queue.send(producerID: 7)
        #expect(queue.canSend(inFlightMax: 2))
        _ = queue.send(producerID: 7)
        #expect(!queue.canSend(inFlightMax: 2))
    }

    @Test("a retry waits until nothing is in flight, and has the number and the bytes that it had")
    func retry() {
        let batches = (0..<3).map { batch(Int64($0), records: 2) }
        var queue = queue(batches)
        for _ in 0..<3 { _ = queue.send(producerID: 7) }
        batches[1].wire = ByteBuffer(string: "encoded")
        queue.acknowledge(batches[0])
        queue.retry(batches[1])
        #expect(queue.isPaused && !queue.canSend(inFlightMax: 5) && queue.send(producerID: 7) == nil)
        queue.retry(batches[2])
        #expect(!queue.isPaused)
        let first = queue.send(producerID: 7)
        #expect(first === batches[1] && first?.sequence == 2 && first?.wire != nil)
        #expect(queue.send(producerID: 7)?.sequence == 4)
    }

    @Test(
        "whatever order failures come back in, batches are sent again in theirs",
        arguments: [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
    func order(comeBack: [Int]) {
        let batches = (0..<3).map { batch(Int64($0)) }
        var queue = queue(batches)
        for _ in 0..<3 { _ = queue.send(producerID: 7) }
        queue.add(batch(3))
        for index in comeBack { queue.retry(batches[index]) }
        #expect(queue.waiting.map(\.serial) == [0, 1, 2, 3])
    }

    @Test("behind a batch that was given up the numbers close the gap, and what was encoded is encoded anew")
    func gap() {
        let batches = (0..<3).map { batch(Int64($0), records: 2) }
        var queue = queue(batches)
        for _ in 0..<3 { _ = queue.send(producerID: 7) }
        for batch in batches { batch.wire = ByteBuffer(string: "encoded") }
        queue.acknowledge(batches[0])
        queue.giveUp(batches[1])
        queue.retry(batches[2])
        #expect(queue.send(producerID: 7)?.sequence == 2)
        #expect(batches[2].wire == nil)
    }

    @Test("a new producer id starts at 0 and encodes everything anew")
    func anew() {
        let batches = (0..<2).map { batch(Int64($0), records: 2) }
        var queue = queue(batches)
        for _ in 0..<2 { _ = queue.send(producerID: 7) }
        queue.acknowledge(batches[0])
        queue.retry(batches[1])
        batches[1].wire = ByteBuffer(string: "encoded")
        queue.startAnew()
        #expect(queue.send(producerID: 8)?.sequence == 0)
        #expect(batches[1].producerID == 8 && batches[1].wire == nil)
    }

    @Test("what waits too long is taken out, and the rest closes the gap")
    func expired() {
        var queue = queue((0..<3).map { batch(Int64($0), records: 2) })
        #expect(queue.removeWaiting { $0.serial == 0 }.map(\.serial) == [0])
        #expect(queue.send(producerID: 7)?.sequence == 0)
        #expect(queue.removeWaiting { _ in false }.isEmpty)
    }

    @Test("what expires in doubt keeps its numbers, as do those in doubt behind it")
    func expiredInDoubt() {
        let batches = (0..<3).map { batch(Int64($0), records: 2) }
        var queue = queue(batches)
        for _ in 0..<2 { _ = queue.send(producerID: 7) }
        for batch in batches[..<2] {
            batch.isInDoubt = true
            batch.wire = ByteBuffer(string: "encoded")
            queue.retry(batch)
        }
        #expect(queue.removeWaiting { $0.serial == 0 }.map(\.serial) == [0])
        #expect(queue.send(producerID: 7)?.sequence == 2 && batches[1].wire != nil)
        #expect(queue.send(producerID: 7)?.sequence == 4)
    }

    @Test("numbers go on at 0 after the largest")
    func wrap() {
        #expect(PartitionQueue.sequence(Int32.max, plus: 1) == 0)
        #expect(PartitionQueue.sequence(Int32.max - 1, plus: 3) == 1)
        #expect(PartitionQueue.sequence(0, plus: 5) == 5)
    }

    @Test("acknowledgements may come in any order")
    func acknowledgedInAnyOrder() {
        let batches = (0..<4).map { batch(Int64($0), records: 2) }
        var queue = queue(batches)
        for _ in 0..<4 { _ = queue.send(producerID: 7) }
        for index in [1, 2, 0] { queue.acknowledge(batches[index]) }
        queue.retry(batches[3])
        #expect(queue.send(producerID: 7)?.sequence == 6)
        #expect(PartitionQueue.isAfter(1, Int32.max) && !PartitionQueue.isAfter(Int32.max, 1))
        #expect(!PartitionQueue.isAfter(5, 5))
    }
}
