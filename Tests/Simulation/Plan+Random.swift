internal import TestSupport

extension Plan {
    /// A life as `seed` draws it.
    package init(seed: UInt64) {
        var draw = Draw(SeededRandom(seed: seed))
        draw.leaning = draw.number(in: 0...3)
        var steps = [draw.create(0)]
        if draw.chance(40) { steps.append(draw.create(1)) }
        for _ in 0..<draw.number(in: 10...34) { steps.append(draw.step()) }
        // Drawn last: all other histories are what they are without.
        if draw.number(in: 0...7) == 0 {
            for _ in 0..<draw.number(in: 1...3) { steps.insert(draw.rot(), at: draw.number(in: 2...steps.count)) }
        } else if draw.number(in: 0...8) == 0 {
            draw.addCompaction(to: &steps)
        }
        self.init(seed: seed, steps: steps)
    }
}

/// Draws steps.
private struct Draw {
    private var random: SeededRandom
    /// What there is more of than usual: 1: deleting and checkpoints; 2: faults and crashes; 3: index files that are
    /// spoiled, and looking things up.
    var leaning = 0

    init(_ random: SeededRandom) { self.random = random }

    mutating func number(in range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
    mutating func chance(_ percent: Int) -> Bool { number(in: 0...99) < percent }

    mutating func create(_ topic: Int) -> Step {
        Step(.create, topic, number(in: 1...2), number(in: 0...SimulatedTopic.keeping.count - 1))
    }

    private mutating func topic() -> Int { chance(75) ? 0 : 1 }
    private mutating func partition() -> Int { chance(70) ? 0 : 1 }
    private mutating func count() -> Int { chance(70) ? 1 : number(in: 2...6) }
    private mutating func size() -> Int {
        chance(leaning == 2 ? 25 : 6) ? number(in: 1200...9000) : number(in: 8...700)
    }

    mutating func step() -> Step {
        if leaning > 0, chance(20) { return leaningStep() }
        return switch number(in: 0...199) {
        case 0..<46: Step(.append, topic(), partition(), count(), size())
        case 46..<68: Step(.number, topic(), partition(), count(), size())
        case 68..<78: Step(.spread, topic(), count(), size())
        case 78..<84: Step(.again, topic(), partition())
        case 84..<89: Step(.roll, topic(), partition())
        case 89..<94: Step(.read, topic(), partition(), number(in: 0...1000))
        case 94..<98: Step(.find, topic(), partition(), number(in: 0...1000))
        case 98..<102: Step(.verify)
        case 102..<109: Step(.checkpoint)
        case 109..<115: Step(.work, chance(50) ? 100 : 15_000)
        case 115..<120: Step(.trim, topic(), partition(), number(in: 0...1000))
        case 120..<124: Step(.retain)
        case 124..<128: Step(.wait, chance(8) ? -3_600_000 : number(in: 1...800))
        case 128..<144: Step(.commit, number(in: 0...1), topic(), partition())
        case 144..<145: Step(.forget, number(in: 0...1))
        case 145..<147: Step(.snapshot)
        case 147..<149: create(number(in: 0...1))
        case 149..<151: Step(.delete, topic())
        case 151..<154: Step(.alter, topic(), number(in: 0...SimulatedTopic.keeping.count - 1))
        case 154..<156: Step(.grow, topic(), number(in: 2...3))
        case 156..<180: fault()
        case 180..<182: Step(.spoil, number(in: 0...100), number(in: 0...9999))
        case 182..<186: Step(.close)
        case 186..<192: Step(.kill)
        default: Step(.cut, number(in: 0...9999))
        }
    }

    private mutating func leaningStep() -> Step {
        switch (leaning, number(in: 0...2)) {
        case (1, 0): Step(.trim, topic(), partition(), number(in: 0...1000))
        case (1, 1): Step(.checkpoint)
        case (1, _): Step(.retain)
        case (2, 0): Step(.cut, number(in: 0...9999))
        case (2, _): fault()
        case (_, 0): Step(.spoil, number(in: 0...100), number(in: 0...9999))
        case (_, 1): Step(.read, topic(), partition(), number(in: 0...1000))
        default: Step(.find, topic(), partition(), number(in: 0...1000))
        }
    }

    mutating func rot() -> Step {
        Step(
            .rot, number(in: 0...99), number(in: 0...9_999_999), chance(70) ? 1 : number(in: 2...3), number(in: 0...2))
    }

    private mutating func fault() -> Step {
        let isTorn = leaning == 2 && chance(30)
        let kind = isTorn ? FaultKind.tear.rawValue : number(in: 0...FaultKind.allCases.count - 1)
        return Step(.fault, kind, number(in: 1...(chance(50) ? 12 : 60)), chance(30) ? 1 : 0)
    }

    /// The first topic is compacted, at first or always, and has something to compact each time.
    mutating func addCompaction(to steps: inout [Step]) {
        let settings = SimulatedTopic.keeping.count...SimulatedTopic.settings.count - 1
        steps[0] = Step(.create, 0, steps[0][1], number(in: settings))
        if chance(30) { steps.insert(Step(.alter, 0, number(in: settings)), at: number(in: 1...steps.count)) }
        for _ in 0..<number(in: 1...3) {
            let partition = partition()
            var added = (0..<number(in: 2...5)).map { _ in
                Step(chance(30) ? .number : .append, 0, partition, count(), number(in: 8...700))
            }
            if chance(70) { added.append(Step(.roll, 0, partition)) }
            if chance(10) { added.append(Step(.wait, 120_000)) }
            if chance(60) {
                added.append(Step(.fault, number(in: 0...FaultKind.allCases.count - 1), number(in: 1...150)))
            }
            added.append(Step(.compact, chance(25) ? number(in: 1...3) : 0))
            steps.insert(contentsOf: added, at: number(in: 1...steps.count))
        }
    }
}
