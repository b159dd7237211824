internal import NIOCore

/// What one connection does: decides when it is asked, and is told of answers. All on one thread.
protocol LoadTask: AnyObject {
    var connection: LoadConnection { get }
    /// Does what is due, and says when it wants to be asked again; `.max`: when an answer has come.
    func advance(_ now: Int64) throws(LoadError) -> Int64
    func take(_ answer: ByteBuffer, version: Int16, now: Int64) throws(LoadError)
    /// Nothing is left to do, and no answer is missing.
    var isDone: Bool { get }
}

/// Told of how far a load is, and asked whether it is to go on.
package struct LoadWatch: Sendable {
    /// Readable: the load ends, and what there is counts. −1: nothing interrupts it.
    package var interruption: Int32
    /// Called five times a second with the records and bytes so far, the warm-up included, and the part of the time that
    /// is over, if that is known.
    package var tick: @Sendable (_ records: Int, _ bytes: Int, _ part: Double?) -> Void

    package init(
        interruption: Int32 = -1, tick: @escaping @Sendable (Int, Int, Double?) -> Void = { _, _, _ in }
    ) {
        self.interruption = interruption
        self.tick = tick
    }
}

/// Drives many tasks in one thread.
final class LoadLoop {
    private let tasks: [any LoadTask]
    private let poller: LoadPoller
    private var queue = WakeQueue()
    /// When each task wants to be asked next.
    private var wakes: [Int64]
    private var isDone: [Bool]
    private var doneCount = 0
    private static let tickInterval: Int64 = 200_000_000

    enum Ending {
        case done, deadline, interrupted
    }

    init(_ tasks: [any LoadTask], interruption: Int32) {
        self.tasks = tasks
        poller = LoadPoller(interruption: interruption)
        wakes = [Int64](repeating: .max, count: tasks.count)
        isDone = [Bool](repeating: false, count: tasks.count)
        for (number, task) in tasks.enumerated() { poller.add(task.connection, number: number) }
    }

    /// Until all tasks are done, or a time.
    /// - Parameter tick: called five times a second; false ends it.
    func run(until deadline: Int64, tick: (Int64) -> Bool = { _ in true }) throws(LoadError) -> Ending {
        for index in tasks.indices { try advance(index, LoadClock.now) }
        var nextTick = LoadClock.now + Self.tickInterval
        while doneCount < tasks.count {
            let now = LoadClock.now
            if now >= deadline { return .deadline }
            if now >= nextTick {
                guard tick(now) else { return .deadline }
                nextTick = now + Self.tickInterval
            }
            while let (time, index) = queue.first, time <= now {
                queue.removeFirst()
                // Another time was named since.
                guard wakes[index] == time else { continue }
                wakes[index] = .max
                try advance(index, now)
            }
            guard doneCount < tasks.count else { break }
            let wake = min(queue.first?.time ?? .max, nextTick, deadline)
            let goesOn = try poller.wait(until: wake) { (index) throws(LoadError) in
                let task = tasks[index]
                try task.connection.flush()
                try task.connection.receive { (body, version) throws(LoadError) in
                    try task.take(body, version: version, now: LoadClock.now)
                }
                try advance(index, LoadClock.now)
            }
            if !goesOn { return .interrupted }
        }
        return .done
    }

    private func advance(_ index: Int, _ now: Int64) throws(LoadError) {
        let wake = try tasks[index].advance(now)
        if wake != wakes[index] {
            wakes[index] = wake
            if wake != .max { queue.insert(wake, index) }
        }
        if !isDone[index], tasks[index].isDone {
            isDone[index] = true
            doneCount += 1
        }
    }
}

/// The earliest of many times: a binary heap.
struct WakeQueue {
    private var heap: [(time: Int64, index: Int)] = []

    var first: (time: Int64, index: Int)? { heap.first }

    mutating func insert(_ time: Int64, _ index: Int) {
        heap.append((time, index))
        var place = heap.count - 1
        while place > 0, heap[place].time < heap[(place - 1) / 2].time {
            heap.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    mutating func removeFirst() {
        guard let last = heap.popLast(), !heap.isEmpty else { return }
        heap[0] = last
        var place = 0
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2] where child < heap.count && heap[child].time < heap[least].time
            {
                least = child
            }
            guard least != place else { return }
            heap.swapAt(place, least)
            place = least
        }
    }
}
