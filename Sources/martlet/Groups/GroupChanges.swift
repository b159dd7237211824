import KafkaClient
import RecordFormat

/// Prints a plan, and carries it out where that was asked for.
struct GroupChanges {
    let backend: any GroupBackend
    var executes: Bool
    var onlyIfEmpty = false
    var json: Bool
    /// Removes offsets by the call that Kafka has for it, which refuses topics that members read.
    var removes = false

    init(_ backend: any GroupBackend, executes: Bool, onlyIfEmpty: Bool = false, json: Bool) {
        self.backend = backend
        self.executes = executes
        self.onlyIfEmpty = onlyIfEmpty
        self.json = json
    }

    func run(_ change: PlannedChange, to out: inout StandardOutput) async throws {
        if !json { try printPlan(change, to: &out) }
        let isNeeded = try await isNeeded(change)
        // Who reads the plan sees it before anything happens.
        if executes, isNeeded, !json { try out.flush() }
        let done = executes && isNeeded ? try await carryOut(change) : nil
        if json { return try printJSON(change, done, to: &out) }
        if !change.plan.rows.isEmpty { try out.writeLine("") }
        if let done {
            try out.writeLine(Self.result(change, done))
        } else {
            try out.writeLine(
                isNeeded ? "Nothing has changed yet: add --execute to do it" : "There is nothing to change")
        }
    }

    /// Members may be further than what they have committed: to move them to where they have is a change as well.
    private func isNeeded(_ change: PlannedChange) async throws -> Bool {
        guard change.plan.changes.isEmpty, !change.targets.isEmpty else { return !change.targets.isEmpty }
        do {
            return try await !backend.describe(change.plan.group).members.isEmpty
        } catch KafkaClientError.unknownGroup {
            return false
        }
    }

    private func carryOut(_ change: PlannedChange) async throws -> GroupOffsetsChange {
        if removes {
            try await backend.deleteOffsets(of: change.plan.group, change.targets.keys.sorted())
            return GroupOffsetsChange(
                id: "", fencedMembers: 0,
                before: change.plan.rows.reduce(into: [:]) { $0[$1.partition] = .some($1.from) })
        }
        return try await backend.alter(
            change.plan.group, to: change.targets, kind: change.kind, onlyIfEmpty: onlyIfEmpty)
    }

    private func printPlan(_ change: PlannedChange, to out: inout StandardOutput) throws {
        guard !change.plan.rows.isEmpty else { return }
        var table = change.plan.table
        if change.plan.rows.allSatisfy({ $0.note == nil }) { table.removeColumn("note") }
        try table.print(asJSON: false, to: &out)
        try out.writeLine("")
        try out.writeLine("In all: \(change.plan.summary)")
    }

    private static func result(_ change: PlannedChange, _ done: GroupOffsetsChange) -> String {
        let count = change.targets.count
        var text = "Done: \(count.counted("partition")) of group \(change.plan.group)"
        if done.fencedMembers > 0 {
            let members = done.fencedMembers
            text += ", \(members.counted("member")) put out to come back there"
        }
        if !done.id.isEmpty || change.kind == "delete-offsets" {
            text += "; take it back: martlet group undo \(change.plan.group.asShellWord)"
        }
        return text
    }

    private func printJSON(
        _ change: PlannedChange, _ done: GroupOffsetsChange?, to out: inout StandardOutput
    ) throws {
        var object = JSONObject()
        object.add("group", .text(change.plan.group))
        object.add("kind", .text(change.kind))
        object.add("executed", .flag(done != nil))
        object.add("change", .init(done.flatMap { $0.id.isEmpty ? nil : $0.id }))
        object.add("fencedMembers", done.map { .init($0.fencedMembers) } ?? .none)
        object.add("replayed", .number(change.plan.replayed))
        object.add("skipped", .number(change.plan.skipped))
        object.add("partitions", json: change.plan.table.json)
        out.bytes.append(contentsOf: object.closed)
        try out.writeLine("")
    }
}

extension String {
    /// As it stands in a command that can be copied: in quotes, unless it is plain.
    var asShellWord: String {
        let isPlain = utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-_.:/@+".utf8.contains(byte)
            }
        }
        return isPlain && !isEmpty
            ? self
            : "'"
                + split(separator: "'", omittingEmptySubsequences: false)
                .joined(separator: "'\\''") + "'"
    }
}
