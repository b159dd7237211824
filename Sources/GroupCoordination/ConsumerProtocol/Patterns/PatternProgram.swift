/// A regular expression as a machine that is in many states at once (Thompson's). It reads each character once, and
/// never goes back.
struct PatternProgram: Sendable {
    private enum State: Sendable {
        case read(CharacterClass, next: Int)
        case check(PatternNode.Assertion, next: Int)
        case either(Int, Int)
        case end
    }

    private var states: [State] = []
    private var start = 0
    /// How many parts were built. Repetitions of repetitions of nothing are many parts without a state.
    private var parts = 0

    init(_ node: PatternNode) throws(PatternError) {
        start = try add(.end)
        start = try build(node, before: start)
    }

    private mutating func add(_ state: State) throws(PatternError) -> Int {
        guard states.count < TopicPattern.statesMax else { throw .tooLarge }
        states.append(state)
        return states.count - 1
    }

    /// Builds the states of a part that goes on at `next`; returns where it begins.
    private mutating func build(_ node: PatternNode, before next: Int) throws(PatternError) -> Int {
        parts += 1
        guard parts <= 10 * TopicPattern.statesMax else { throw .tooLarge }
        switch node {
        case .characters(let characters): return try add(.read(characters, next: next))
        case .assertion(let assertion): return try add(.check(assertion, next: next))
        case .sequence(let nodes):
            var first = next
            for node in nodes.reversed() { first = try build(node, before: first) }
            return first
        case .alternatives(let nodes):
            var first = try build(nodes[nodes.count - 1], before: next)
            for node in nodes.dropLast().reversed() {
                first = try add(.either(try build(node, before: next), first))
            }
            return first
        case .repetition(let node, let least, let most): return try build(node, least, most, before: next)
        }
    }

    private mutating func build(
        _ node: PatternNode, _ least: Int, _ most: Int?, before next: Int
    ) throws(PatternError) -> Int {
        var first = next
        if let most {
            for _ in 0..<max(0, most - least) { first = try add(.either(try build(node, before: first), next)) }
        } else {
            // The loop's head is there before its body, which goes back to it.
            first = try add(.either(next, next))
            states[first] = .either(try build(node, before: first), next)
        }
        for _ in 0..<least { first = try build(node, before: first) }
        return first
    }
}

// MARK: Matching

extension PatternProgram {
    var stateCount: Int { states.count }

    /// - Parameter steps: how many states may be entered; nil is returned where they did not do.
    func matches(_ text: String, steps: inout Int) -> Bool? {
        let characters = text.unicodeScalars
        var current = StateSet(states.count)
        var following = StateSet(states.count)
        var stack: [Int] = []
        var index = characters.startIndex
        enter(start, &current, &stack, nil, index < characters.endIndex ? characters[index] : nil)
        while index < characters.endIndex {
            if current.isEmpty { return false }
            // Each state that was entered is read from, too.
            steps -= 2 * current.members.count
            if steps < 0 { return nil }
            let character = characters[index]
            index = characters.index(after: index)
            let after = index < characters.endIndex ? characters[index] : nil
            following.removeAll()
            for state in current.members {
                if case .read(let allowed, let next) = states[state], allowed.contains(character) {
                    enter(next, &following, &stack, character, after)
                }
            }
            swap(&current, &following)
        }
        return current.members.contains { if case .end = states[$0] { true } else { false } }
    }

    /// Enters a state, and all that it leads to without reading.
    private func enter(
        _ state: Int, _ set: inout StateSet, _ stack: inout [Int], _ before: Unicode.Scalar?, _ after: Unicode.Scalar?
    ) {
        stack.append(state)
        while let state = stack.popLast() {
            guard set.insert(state) else { continue }
            switch states[state] {
            case .read, .end: break
            case .either(let first, let second):
                stack.append(second)
                stack.append(first)
            case .check(let assertion, let next):
                if assertion.holds(between: before, and: after) { stack.append(next) }
            }
        }
    }

    /// States, each once. Emptied without touching each.
    private struct StateSet {
        private(set) var members: [Int] = []
        private var marks: [UInt32]
        private var round: UInt32 = 1

        init(_ count: Int) { marks = [UInt32](repeating: 0, count: count) }

        var isEmpty: Bool { members.isEmpty }

        /// Returns whether it is new.
        mutating func insert(_ state: Int) -> Bool {
            guard marks[state] != round else { return false }
            marks[state] = round
            members.append(state)
            return true
        }

        mutating func removeAll() {
            members.removeAll(keepingCapacity: true)
            round += 1
        }
    }
}
