@testable import EventLog

/// What must be true after each step.
extension FleetLife {
    @discardableResult
    func checkAll(isFresh: Bool = false) throws -> [FleetPlace: FleetView] {
        var views: [FleetPlace: FleetView] = [:]
        for (name, topic) in topics.sorted(by: { $0.key < $1.key }) where !topic.isUncertain {
            for i in topic.partitions.indices {
                let place = FleetPlace(topic: name, partition: i)
                views[place] = try check(place, isFresh: isFresh)
                try checkLookups(place)
                if isFresh { try checkProducer(place) }
            }
            if isFresh { topics[name]?.otherSettings = nil }
        }
        try checkCommits(isFresh: isFresh)
        return views
    }

    @discardableResult
    func check(_ place: FleetPlace, isFresh: Bool = false) throws -> FleetView {
        guard let topic = topics[place.topic] else { throw Failure(description: "no model of \(place)") }
        let view = try log.view(of: place)
        if isFresh, topic.otherSettings != nil, let found = log.settings(of: place.topic) {
            guard found == topic.settings || found == topic.otherSettings else {
                throw Failure(description: "\(place.topic) has other settings: \(found.overrides)")
            }
            topics[place.topic]?.settings = found
        }
        let settings = topics[place.topic]?.settings ?? topic.settings
        var model = topic.partitions[place.partition]
        do {
            try model.check(
                view, settings, now: clock.now, isFresh: isFresh, isSettled: !log.hasFailed || isFresh)
        } catch {
            throw Failure(description: "\(place): \(error)")
        }
        topics[place.topic]?.partitions[place.partition] = model
        return view
    }

    func checkLookups(_ place: FleetPlace) throws {
        guard let topic = topics[place.topic] else { return }
        let model = topic.partitions[place.partition]
        let shown = model.shown
        guard let one = shown.randomElement(using: &random) else { return }
        let offset = Int64.random(in: model.start..<model.end, using: &random)
        let found = try log.record(from: offset, of: place)
        guard found == shown.first(where: { $0.offset >= offset })?.offset else {
            throw Failure(description: "\(place): \(found ?? -1) is the first from offset \(offset) on")
        }
        // What has expired may still count here.
        guard topic.settings.recordTTLMilliseconds == nil, !topic.settings.readsTTLHeaders, !model.hasHidden else {
            return
        }
        let time = max(0, one.time + Int64.random(in: -1...1, using: &random))
        let byTime = try log.offset(at: time, of: place)
        let due = shown.first { $0.time >= time }?.offset
        guard byTime == due else {
            throw Failure(description: "\(place): \(byTime ?? -1) is the first from \(time) on, not \(due ?? -1)")
        }
        let latest = shown.map(\.time).max() ?? -1
        let last = try log.latestOffset(of: place)
        let dueLast = latest < 0 ? nil : shown.first { $0.time == latest }?.offset
        guard last == dueLast else {
            throw Failure(description: "\(place): the latest is \(last ?? -1), not \(dueLast ?? -1)")
        }
    }

    /// A batch that is sent again is known again, whatever became of its records.
    func checkProducer(_ place: FleetPlace) throws {
        guard let model = topics[place.topic]?.partitions[place.partition] else { return }
        guard let last = lastNumbered[place], last.base < model.end, model.open == nil else {
            // It was lost with power in a topic that allows it: what comes next begins anew.
            producers[place] = nil
            lastNumbered[place] = nil
            return
        }
        let answer = try log.append(last.records, last.producer, to: place)
        guard answer == .duplicate(of: last.base) else {
            throw Failure(description: "\(place): what was appended at \(last.base), sent again: \(answer)")
        }
    }

    func checkCommits(isFresh: Bool) throws {
        if isFresh, let open = openCommit {
            openCommit = nil
            let found = try log.committed(by: open.group, of: open.place)
            let isTaken = found == open.offset && topics[open.place.topic] != nil
            if isTaken { commits[open.group, default: [:]][open.place] = open.offset }
        }
        for group in Self.groups {
            for (name, topic) in topics where !topic.isUncertain {
                for i in topic.partitions.indices {
                    let place = FleetPlace(topic: name, partition: i)
                    let (found, due) = (try log.committed(by: group, of: place), commits[group]?[place])
                    guard found == due || openCommit != nil else {
                        throw Failure(description: "\(group) is at \(found ?? -1) in \(place), not at \(due ?? -1)")
                    }
                }
            }
        }
    }
}
