@testable import GroupCoordination

/// An input is a course of events, a few bytes each.
enum GroupsTarget {
    static func run(_ input: inout FuzzInput) {
        switch input.byte() % 3 {
        case 0: classic(&input)
        case 1: consumer(&input)
        default: pattern(&input)
        }
    }

    private static let names = ["", "a", "b", "c", "d"]
    private static let numbers: [Int64] = [0, 1, -1, 6000, 10_000, 300_000, .max, .min]

    private static func classic(_ input: inout FuzzInput) {
        var bench = GroupBench { $0.initialRebalanceDelay = 100 }
        var parked: [RequestID] = []
        var fresh = 0
        while !input.isEmpty {
            let (event, detail) = (input.byte(), input.byte())
            let name = Self.name(detail, of: bench)
            let instance = detail & 0x40 == 0 ? nil : "i\(detail & 3)"
            let generation = bench.group.generation.value &+ (detail & 0x20 == 0 ? 0 : Int32(Int8(bitPattern: detail)))
            switch event % 12 {
            case 0, 1:
                let protocols: KeyValuePairs<String, [UInt8]> =
                    detail & 0x10 == 0 ? ["range": [detail]] : ["sticky": [1, 2], "range": []]
                fresh += 1
                parked.append(
                    bench.join(
                        name, fresh: "new-\(fresh)", instance: instance, protocols: event & 0x20 == 0 ? protocols : [:],
                        type: event & 0x40 == 0 ? "consumer" : "connect",
                        session: event & 0x80 == 0 ? 10_000 : numbers[Int(detail >> 5)],
                        rebalance: event & 0x80 == 0 ? 30_000 : numbers[Int(detail >> 5)],
                        requiresID: detail & 8 != 0, canSkip: detail & 0x80 != 0))
            case 2, 3:
                parked.append(
                    bench.sync(
                        name, generation, instance: instance, assigning: detail & 0x10 == 0 ? [:] : [name: [detail]],
                        type: detail & 0x80 == 0 ? nil : "consumer", name: detail & 8 == 0 ? nil : "range"))
            case 4: _ = bench.heartbeat(name, generation, instance: instance)
            case 5: _ = bench.leave((id: name, instance: instance))
            case 6: bench.advance(Int64(detail) * 200)
            case 7: _ = bench.commit(name, generation, instance: instance)
            case 8: _ = detail & 1 == 0 ? bench.fence() : bench.delete()
            case 9: bench.lift()
            case 10:
                bench.holdsStores = detail & 1 != 0
                bench.store(succeeding: detail & 2 != 0)
            default: if let one = parked.popLast() { bench.abandon(one) }
            }
            precondition(bench.answeredTwice.isEmpty, "an answer was given twice")
        }
        bench.holdsStores = false
        bench.store()
        bench.advance(1_000_000)
        bench.unload()
        precondition(bench.answeredTwice.isEmpty, "an answer was given twice")
    }

    /// One that was given out, or another.
    private static func name(_ detail: UInt8, of bench: GroupBench) -> String {
        let members = bench.memberNames
        guard detail & 4 == 0, !members.isEmpty else { return names[Int(detail & 7) % names.count] }
        return members[Int(detail & 3) % members.count]
    }

    private static func consumer(_ input: inout FuzzInput) {
        let bench = ConsumerGroupBench()
        while !input.isEmpty {
            let (event, detail) = (input.byte(), input.byte())
            let name = names[Int(detail & 7) % names.count]
            let instance = detail & 0x40 == 0 ? nil : "i" + name
            switch event % 9 {
            case 0:
                bench.heartbeat(
                    name, 0, instance: instance, timeout: detail & 0x20 == 0 ? 30_000 : numbers[Int(detail >> 5)],
                    names: detail & 0x10 == 0 ? ["a"] : ["a", "b", "z"], pattern: detail & 8 == 0 ? nil : "[ab]",
                    assignor: event & 0x80 == 0 ? nil : (event & 0x40 == 0 ? "range" : "uniform"), owned: [],
                    requiresID: event & 0x20 != 0)
            case 1, 2:
                let epoch = bench.group.members[MemberID(name)]?.epoch.value ?? 0
                let change = detail & 0x10 == 0 ? 0 : Int32(Int8(bitPattern: event))
                let owned = bench.group.members[MemberID(name)]?.assigned.shares
                bench.heartbeat(
                    name, epoch &+ change, instance: instance, owned: detail & 8 == 0 ? owned : [])
            case 3: bench.heartbeat(name, detail & 8 == 0 ? -1 : -2, instance: instance)
            case 4: bench.advance(Int64(detail) * 300)
            case 5: bench.setTopics(["a": Int32(detail & 15), "b": Int32(detail >> 4), "c": 1])
            case 6:
                if detail & 1 == 0 { _ = bench.fence() } else { bench.lift(stored: detail & 2 != 0) }
            case 7:
                bench.holdsStores = detail & 1 != 0
                bench.store(succeeding: detail & 2 != 0)
            default: _ = detail & 0x20 == 0 ? bench.leave((id: name, instance: instance)) : [bench.commit(name, 1)]
            }
            precondition(bench.answeredTwice.isEmpty, "an answer was given twice")
        }
        bench.holdsStores = false
        bench.store()
        bench.advance(1_000_000)
        bench.unload()
        precondition(bench.answeredTwice.isEmpty, "an answer was given twice")
    }

    private static func pattern(_ input: inout FuzzInput) {
        let names = [input.text(Int(input.byte() & 31)), "readings", "a-b_c.d"]
        guard let pattern = try? TopicPattern(input.text(400)) else { return }
        for name in names { _ = pattern.matches(name) }
    }

    static func seeds() -> [[UInt8]] {
        let patterns = [
            "a.*", "(a|b)+c?", "[a-z&&[^b]]{2,3}", "\\Qa.b\\E", "(?i)READ(?:ings)?$", "^\\w+-\\d{1,4}\\b",
            "[[:alpha:]]*",
            "x{0,1000}", "((((a*)*)*)*)*", "\\x{1F600}|\\p{L}",
        ]
        let courses: [[UInt8]] = [
            [0, 1, 0, 2, 6, 3, 2, 0x11, 2, 2, 4, 1, 7, 1, 5, 1, 6, 250],
            [0, 1, 0, 0x42, 6, 3, 8, 0, 9, 0, 0, 1, 10, 1, 0, 3, 10, 2, 11, 0],
        ]
        let heartbeats: [[UInt8]] = [
            [0, 1, 0, 2, 1, 1, 1, 2, 1, 1, 4, 100, 5, 0x35, 1, 1, 3, 1],
            [0, 0x19, 7, 1, 0, 2, 6, 0, 6, 3, 7, 2, 1, 1, 8, 2],
        ]
        return courses.map { [0] + $0 } + heartbeats.map { [1] + $0 }
            + patterns.map { [2, 3, 97, 98, 99] + Array($0.utf8) }
    }
}
