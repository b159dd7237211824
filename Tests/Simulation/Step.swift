/// One thing that happens in a simulated life of a data directory. All that is left to chance is drawn when a plan is
/// made, so that any part of a plan is a plan, too. Where a step has nothing to act on, it does nothing.
package struct Step: Equatable, Sendable {
    package enum Action: String, CaseIterable, Sendable {
        /// topic, partitions, settings
        case create
        /// topic
        case delete
        /// topic, settings
        case alter
        /// topic, partitions
        case grow
        /// topic, partition, records, bytes of each
        case append
        /// The same by an idempotent producer.
        case number
        /// topic, records, bytes of each: to all partitions of the topic in one round
        case spread
        /// topic, partition: the last numbered batch once more
        case again
        /// topic, partition
        case roll
        /// topic, partition, per mille of its offsets to begin at
        case read
        /// topic, partition, per mille of its times
        case find
        /// Everything is read.
        case verify
        case checkpoint
        /// milliseconds: the background has had so long
        case work
        /// topic, partition, per mille of its offsets to delete
        case trim
        case retain
        /// keys that a pass knows; 0: as many as there are
        case compact
        /// milliseconds: the clock goes on, or back
        case wait
        /// group, topic, partition
        case commit
        /// group
        case forget
        case snapshot
        /// kind, calls of the disk until then; 1: which are counted from the next opening on
        case fault
        /// which, bit: of an index file a bit turns over while nobody has the directory open
        case spoil
        /// which, where, bits, 0 to 2: the log is closed, killed, or loses power: of a segment bits turn over while nobody
        /// has the directory open
        case rot
        case close
        case kill
        /// seed
        case cut
    }

    package let action: Action
    private let numbers: [Int]

    package init(_ action: Action, _ numbers: Int...) {
        self.action = action
        self.numbers = numbers
    }

    private init(_ action: Action, numbers: [Int]) {
        self.action = action
        self.numbers = numbers
    }

    /// A fault that strikes so many calls of the disk sooner; nil: it would strike at once.
    func sooner(by calls: Int) -> Step? {
        guard action == .fault, numbers.count > 1, self[1] > calls else { return nil }
        var numbers = numbers
        numbers[1] -= calls
        return Step(action, numbers: numbers)
    }

    /// One of the numbers; 0 where it was left out.
    package subscript(_ index: Int) -> Int { index < numbers.count ? numbers[index] : 0 }
}

extension Step: CustomStringConvertible {
    package var description: String { ([action.rawValue] + numbers.map(String.init)).joined(separator: " ") }

    /// nil: it is none.
    package init?(_ text: some StringProtocol) {
        let words = text.split(separator: " ")
        guard let first = words.first, let action = Action(rawValue: String(first)) else { return nil }
        self.action = action
        numbers = words.dropFirst().compactMap { Int($0) }
        guard numbers.count == words.count - 1 else { return nil }
    }
}

/// What goes wrong at a step `fault`.
package enum FaultKind: Int, CaseIterable, Sendable {
    /// The process is killed before the call, or in the middle of it.
    case kill, killWithin
    /// Power is lost before the call, or in the middle of it: a write is torn.
    case cut, tear
    case ioError, diskFull
    /// A part of a write is there, then the disk is full.
    case shortWrite
    /// A sync fails, and what it was to write is gone from the cache.
    case drop
    /// The system could not write what is cached, and says so at the next sync, once.
    case writeback
    /// No descriptor is left.
    case filesMax
    /// What is mapped cannot be read any more, from the call on.
    case unreadableMappings

    package var endsLife: Bool { isKill || isCut }
    package var isKill: Bool { self == .kill || self == .killWithin }
    package var isCut: Bool { self == .cut || self == .tear }
}

/// Steps, one after the other; after the last one power is cut and all that is left is read.
package struct Plan: Equatable, Sendable {
    package var seed: UInt64
    package var steps: [Step]

    package init(seed: UInt64, steps: [Step]) {
        self.seed = seed
        self.steps = steps
    }

    /// In one line, which `init` takes.
    package var text: String { "\(seed): " + steps.map(\.description).joined(separator: "; ") }

    /// nil: a step in it is none.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, let seed = UInt64(parts[0]) else { return nil }
        var steps: [Step] = []
        for part in parts[1].split(separator: ";") where part.contains(where: { $0 != " " }) {
            guard let step = Step(part) else { return nil }
            steps.append(step)
        }
        self.init(seed: seed, steps: steps)
    }
}
