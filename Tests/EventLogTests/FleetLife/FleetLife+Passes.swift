@testable import EventLog

/// Retention and compaction, with what they may do and must do.
extension FleetLife {
    func retain() throws {
        if let limit = try nextLimit() {
            // To the moment at which a segment is as old as it may be: it stays, and a millisecond later it goes.
            clock.advance(by: limit - clock.now)
            try retainNow()
            clock.advance(by: 1)
        }
        try retainNow()
    }

    /// When, in the next two days, a segment that is the oldest of its partition is as old as it may be.
    private func nextLimit() throws -> Int64? {
        var limits: [Int64] = []
        for (place, view) in try checkAll() {
            guard let topic = topics[place.topic] else { continue }
            let model = topic.partitions[place.partition]
            if let limit = model.limit(topic.settings, view.segments) { limits.append(limit) }
        }
        return limits.sorted().filter { clock.now..<clock.now + 2 * FleetClock.day ~= $0 }.randomElement(using: &random)
    }

    private func retainNow() throws {
        let views = try checkAll()
        let usage = log.usage()
        for (place, view) in views { mayRetain(place, view) }
        note("retention")
        log.retain()
        try hasRetained(views, usage)
    }

    /// What a pass may do to a partition. By its size the log may take all but what is written to.
    func mayRetain(_ place: FleetPlace, _ view: FleetView) {
        guard let topic = topics[place.topic] else { return }
        var most = topic.partitions[place.partition].retained(topic.settings, view.segments, now: clock.now).upperBound
        if logSettings.retentionTotalBytes != nil, topic.settings.cleanup.contains(.delete) {
            most = max(most, view.segments.last?.base ?? 0)
        }
        topics[place.topic]?.partitions[place.partition].mayDelete(before: most)
    }

    func hasRetained(_ before: [FleetPlace: FleetView], _ usage: FleetUsage) throws {
        var given: [String: Int] = [:]
        for (place, old) in before.sorted(by: { $0.key < $1.key }) {
            guard let topic = topics[place.topic] else { continue }
            let due = topic.partitions[place.partition].retained(topic.settings, old.segments, now: clock.now)
            let view = try check(place)
            if log.hasFailed { continue }
            topics[place.topic]?.partitions[place.partition].settleStart()
            guard view.start >= due.lowerBound else {
                throw Failure(description: "\(place) starts at \(view.start) after retention, not at \(due)")
            }
            guard
                view.start == old.start || view.start == old.end
                    || old.segments.contains(where: { $0.base == view.start })
            else { throw Failure(description: "\(place) starts at \(view.start) after retention, inside a segment") }
            if view.start > old.start, let second = view.segments.dropFirst().first, second.base <= view.start {
                throw Failure(description: "\(place) starts at \(view.start), and has the file before \(second.base)")
            }
            if view.start > old.start { counts.deletedByRetention += 1 }
            guard view.start > due.upperBound else { continue }
            counts.budgets += 1
            given[place.topic] = max(
                given[place.topic] ?? 0, old.segments.last { $0.base < view.start }?.bytesInAll ?? 0)
        }
        if !log.hasFailed { try checkBudget(given, usage, before) }
    }

    /// `given`: topics that gave more than their own settings asked for, with the size of the last segment that went.
    func checkBudget(_ given: [String: Int], _ before: FleetUsage, _ views: [FleetPlace: FleetView]) throws {
        let after = log.usage()
        guard let limit = logSettings.retentionTotalBytes.map({ Int($0) }) else {
            guard given.isEmpty else { throw Failure(description: "\(given) were deleted, though nobody asked for it") }
            return
        }
        let deletable = topics.filter { $0.value.settings.cleanup.contains(.delete) }
        let canGive = try deletable.keys.filter { name in
            try topics[name]?.partitions.indices.contains {
                try log.view(of: FleetPlace(topic: name, partition: $0)).segments.count > 1
            } ?? false
        }
        guard after.total <= limit || canGive.isEmpty else {
            throw Failure(
                description: "\(after.total) bytes are left of \(limit) that may be, and \(canGive) could give")
        }
        // An index grows in memory before it is in its file: so much either way.
        let slack = 4096
        if let most = given.values.max(), after.total + most + slack <= limit {
            throw Failure(description: "\(after.total) bytes are left of \(limit) that may be: too many were deleted")
        }
        for (name, last) in given {
            let size = (after.topics[name] ?? 0) + last
            if let larger = canGive.first(where: { (after.topics[$0] ?? 0) > size + slack }) {
                throw Failure(description: "\(name) gave a segment at \(size) bytes, and \(larger) has \(after.topics)")
            }
        }
    }

    func compact() throws {
        let views = try checkAll()
        for name in topics.keys {
            guard let settings = topics[name]?.settings else { continue }
            forEachPartition(of: name) { $0.mayCompact(settings, now: clock.now) }
        }
        note("compaction")
        log.compact()
        for (place, old) in views.sorted(by: { $0.key < $1.key }) {
            guard let topic = topics[place.topic] else { continue }
            if !log.hasFailed {
                topics[place.topic]?.partitions[place.partition]
                    .hasCompacted(topic.settings, old.segments, now: clock.now)
            }
            let view = try check(place)
            if view.records.count < old.records.count { counts.compacted += 1 }
            guard view.start == old.start, view.end == old.end else {
                throw Failure(description: "compaction moved \(place) from \(old.start)..<\(old.end)")
            }
        }
    }

    /// Power is cut in a pass, or one operation fails: it leaves everything readable, and what it has not done a later
    /// pass does.
    func failInAPass() throws {
        let trouble = chance(50) ? FleetTrouble.powerCut : .error(chance(60) ? 28 : 5)
        note("\(trouble) is due in a pass")
        log.plan(trouble, after: Int.random(in: 1...(chance(60) ? 40 : 250), using: &random))
        if chance(20) { try retain() } else { try compact() }
        guard log.hasFailed else { return _ = log.clearTroubles() }
        note("it has failed")
        counts.failedPasses += 1
        try checkAll()
        if log.isSound, chance(70) {
            // What could not be done now is tried again, and done.
            log.forgetTroubles()
            clock.advance(by: FleetClock.hour)
            return chance(10) ? try retain() : try compact()
        }
        _ = log.clearTroubles()
        try end(by: powerCut)
    }

    /// After the last day everything stands still until all is old: a topic that has a limit for it must be compacted.
    func rest() throws {
        note("rest")
        _ = log.clearTroubles()
        clock.advance(by: 3 * FleetClock.day)
        for name in topics.keys.sorted() {
            guard let topic = topics[name], topic.settings.isCompacted else { continue }
            var settings = topic.settings
            try settings.set("max.compaction.lag.ms", to: "\(FleetClock.day)")
            try settings.set("min.compaction.lag.ms", to: "0")
            try log.alter(name, settings)
            topics[name]?.settings = settings
        }
        for _ in 0..<2 {
            try compact()
            // Clocks are up to six hours ahead.
            clock.advance(by: FleetClock.hour)
        }
        for name in topics.keys.sorted() where topics[name]?.settings.isCompacted == true {
            forEachPartition(of: name) { $0.hasCompactedAll() }
        }
        try checkAll()
        try retain()
        try closeAndOpen()
    }
}
