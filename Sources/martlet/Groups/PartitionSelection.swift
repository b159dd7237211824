import ArgumentParser
import KafkaClient

/// Which partitions of a group a command is about: topics by name or glob, each with all or some of its partitions.
struct PartitionSelection: Hashable {
    var terms: [Term]

    /// Nothing was named: all that the group has.
    static let all = PartitionSelection(terms: [])

    var isAll: Bool { terms.isEmpty }

    /// One `--topic`: `readings`, `readings:0,3-5`, `sensor-*`, `sensor-*:0`.
    struct Term: Hashable {
        var pattern: String
        /// nil: all partitions.
        var partitions: [ClosedRange<Int>]?

        static let help = "A topic, a glob ('sensor-*'), or some partitions of one (readings:0,3-5); may be repeated."
        static let partitionMax = Int(Int32.max)

        init(pattern: String, partitions: [ClosedRange<Int>]? = nil) {
            self.pattern = pattern
            self.partitions = partitions
        }

        init(parsing text: String) throws {
            let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = parts.first, !name.isEmpty else {
                throw ValidationError(
                    "'\(text)' names no topic: give one such as readings, readings:0,3-5 or 'sensor-*'")
            }
            pattern = String(name)
            guard parts.count == 2 else { return }
            partitions = try parts[1].split(separator: ",", omittingEmptySubsequences: false).map { range in
                guard let range = Self.range(range) else {
                    throw ValidationError(
                        "'\(text)' names no partitions after the colon: give some such as \(name):0,3-5")
                }
                return range
            }
        }

        private static func range(_ text: Substring) -> ClosedRange<Int>? {
            let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { digits -> Int? in
                guard !digits.isEmpty, digits.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
                return Int(digits).flatMap { $0 <= partitionMax ? $0 : nil }
            }
            guard let first = ends.first ?? nil, let last = ends.last ?? nil, ends.count <= 2, first <= last else {
                return nil
            }
            return first...last
        }

        var isGlob: Bool { pattern.utf8.contains { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") } }

        func matches(topic: String) -> Bool {
            isGlob ? Glob.matches(Array(pattern.utf8), Array(topic.utf8)) : topic == pattern
        }

        func matches(_ partition: TopicPartition) -> Bool {
            matches(topic: partition.topic) && (partitions?.contains { $0.contains(partition.partition) } ?? true)
        }

        var text: String {
            guard let partitions else { return pattern }
            let ranges = partitions.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            return pattern + ":" + ranges.joined(separator: ",")
        }
    }

    func contains(_ partition: TopicPartition) -> Bool {
        terms.isEmpty || terms.contains { $0.matches(partition) }
    }

    /// The partitions that are meant, in order.
    /// - Parameters:
    ///   - counts: how many partitions each topic has.
    ///   - known: topics that the group has committed offsets of. Globs, and a selection of everything, are about these;
    ///     a topic that is named may be any.
    func partitions(of group: String, known: Set<String>, counts: [String: Int]) throws -> [TopicPartition] {
        if terms.isEmpty {
            let there = known.filter { counts[$0] != nil }
            guard !there.isEmpty else {
                throw Failure("group '\(group)' has committed nothing of a topic that is there: name one with --topic")
            }
            return there.flatMap { Self.all(of: $0, counts[$0] ?? 0) }.sorted()
        }
        var found: Set<TopicPartition> = []
        for term in terms { found.formUnion(try partitions(of: term, group, known, counts)) }
        return found.sorted()
    }

    private func partitions(
        of term: Term, _ group: String, _ known: Set<String>, _ counts: [String: Int]
    ) throws -> [TopicPartition] {
        if !term.isGlob, counts[term.pattern] == nil { throw KafkaClientError.unknownTopic(term.pattern) }
        let topics = term.isGlob ? known.filter { term.matches(topic: $0) && counts[$0] != nil } : [term.pattern]
        guard !topics.isEmpty else {
            throw Failure(
                "no topic of group '\(group)' matches '\(term.pattern)': see its topics with 'martlet group describe "
                    + "\(group)'")
        }
        return try topics.flatMap { topic in
            let count = counts[topic] ?? 0
            guard let ranges = term.partitions else { return Self.all(of: topic, count) }
            if let past = ranges.first(where: { $0.upperBound >= count }) {
                throw KafkaClientError.unknownPartition(topic: topic, partition: past.upperBound, count: count)
            }
            return ranges.flatMap { $0.map { TopicPartition(topic: topic, partition: $0) } }
        }
    }

    private static func all(of topic: String, _ count: Int) -> [TopicPartition] {
        (0..<count).map { TopicPartition(topic: topic, partition: $0) }
    }
}

/// Names with `*` (any bytes) and `?` (one byte).
enum Glob {
    /// Takes time in proportion to the product of the lengths at most, whatever the stars.
    static func matches(_ pattern: [UInt8], _ name: [UInt8]) -> Bool {
        var (p, n) = (0, 0)
        // Where the last star was, and up to where it has been taken to reach.
        var star: (pattern: Int, name: Int)?
        while n < name.count {
            if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
                star = (p, n)
                p += 1
            } else if p < pattern.count, pattern[p] == UInt8(ascii: "?") || pattern[p] == name[n] {
                p += 1
                n += 1
            } else if let last = star {
                star = (last.pattern, last.name + 1)
                p = last.pattern + 1
                n = last.name + 1
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}

/// A list of partitions as one reads it: `readings:0-3,7 sensor-1:0`.
enum PartitionListText {
    static func text(_ partitions: some Sequence<TopicPartition>) -> String {
        var ranges: [(topic: String, parts: [ClosedRange<Int>])] = []
        for partition in partitions.sorted() {
            if ranges.last?.topic != partition.topic { ranges.append((partition.topic, [])) }
            let last = ranges.count - 1
            if let range = ranges[last].parts.last, range.upperBound + 1 == partition.partition {
                ranges[last].parts[ranges[last].parts.count - 1] = range.lowerBound...partition.partition
            } else {
                ranges[last].parts.append(partition.partition...partition.partition)
            }
        }
        return ranges.map { PartitionSelection.Term(pattern: $0.topic, partitions: $0.parts).text }
            .joined(separator: " ")
    }
}

extension Failure {
    /// Nothing that the groups have is what `--topic` names.
    static func nothingSelected(_ groups: [String]) -> Failure {
        let names = groups.count == 1 ? "group '\(groups[0])' has nothing" : "none of the groups has anything"
        let group = groups.count == 1 ? groups[0] : "GROUP"
        return Failure("\(names) of what --topic names: see 'martlet group describe \(group)'")
    }
}
