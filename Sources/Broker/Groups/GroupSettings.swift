package import EventLog
internal import GroupCoordination

/// What the operator says about consumer groups, by Kafka's names. Times are in milliseconds unless the name says
/// otherwise.
package struct GroupSettings: Sendable {
    private var values: [String: Int64] = [:]

    package init() {}

    /// A setting with what is allowed of it.
    package struct Definition: Sendable {
        package let name: String
        let initial: Int64
        let range: ClosedRange<Int64>
        let isLong: Bool
        let documentation: String
    }

    /// Throws `invalidSetting` where there is no such setting, or the value is none for it.
    package mutating func set(_ name: String, to text: String) throws(LogError) {
        guard let definition = Self.all.first(where: { $0.name == name }) else {
            throw .invalidSetting(name: name, value: text, reason: "no setting of groups has that name")
        }
        if let problem = assign(definition, text) { throw .invalidSetting(name: name, value: text, reason: problem) }
    }

    /// Takes the text, or says why not.
    mutating func assign(_ definition: Definition, _ text: String) -> String? {
        var value: Int64 = 0
        if let problem = SettingText.number(&value, text, in: definition.range) { return problem }
        values[definition.name] = value
        return nil
    }

    /// What is wrong with the settings together; nil: nothing.
    package var problem: LogError? {
        Self.ordered.lazy.compactMap { least, most -> LogError? in
            guard value(least) > value(most) else { return nil }
            return .invalidSetting(
                name: least.name, value: "\(value(least))",
                reason: "it is above \(most.name)=\(value(most)): give a smaller one, or alter both at once")
        }.first
    }

    func value(_ definition: Definition) -> Int64 { values[definition.name] ?? definition.initial }

    private subscript(definition: Definition) -> Int64 {
        get { value(definition) }
        set { values[definition.name] = newValue }
    }
}

// MARK: The settings

extension GroupSettings {
    private static let milliseconds: ClosedRange<Int64> = 1...Int64(Int32.max)

    private static let sessionTimeoutMin = Definition(
        name: "group.min.session.timeout.ms", initial: 6000, range: milliseconds, isLong: false,
        documentation: "The shortest session timeout that a member may ask for.")
    private static let sessionTimeoutMax = Definition(
        name: "group.max.session.timeout.ms", initial: 1_800_000, range: milliseconds, isLong: false,
        documentation: "The longest session timeout that a member may ask for.")
    private static let initialRebalanceDelay = Definition(
        name: "group.initial.rebalance.delay.ms", initial: 3000, range: 0...Int64(Int32.max), isLong: false,
        documentation: "How long the first member of an empty group waits for others.")
    private static let sizeMax = Definition(
        name: "group.max.size", initial: 10_000, range: 1...Int64(Int32.max), isLong: false,
        documentation: "The most members of a group.")
    private static let offsetMetadataBytesMax = Definition(
        name: "offset.metadata.max.bytes", initial: 4096, range: 0...Int64(Int16.max), isLong: false,
        documentation: "The most bytes of the text that is committed with an offset.")
    private static let offsetsPartitions = Definition(
        name: "offsets.topic.num.partitions", initial: Int64(ConsumerOffsets.partitionCountDefault),
        range: 1...Int64(EventLog.partitionsMax), isLong: false,
        documentation: "Partitions of __consumer_offsets where it is created; it keeps those it has.")
    private static let offsetsRetention = Definition(
        name: "offsets.retention.minutes", initial: -1, range: -1...Int64(Int32.max), isLong: false,
        documentation: "How long a group without members keeps its offsets; -1: for ever.")
    private static let offsetsRetentionCheck = Definition(
        name: "offsets.retention.check.interval.ms", initial: 600_000, range: milliseconds, isLong: true,
        documentation: "How often is looked for offsets that have expired, and groups that have nothing left.")

    private static let offsetsHistory = Definition(
        name: "offsets.history.ms", initial: ConsumerOffsets.historyDefault, range: 0...Int64.max, isLong: true,
        documentation: """
            Martlet's own. For how long all that happens to groups is kept, for 'martlet group history' and 'undo'; of \
            what is older the last is. It is min.compaction.lag.ms of __consumer_offsets.
            """)

    private static let consumerSessionTimeout = Definition(
        name: "group.consumer.session.timeout.ms", initial: 45_000, range: milliseconds, isLong: false,
        documentation: "How long a member by the consumer protocol may be silent.")
    private static let consumerHeartbeatInterval = Definition(
        name: "group.consumer.heartbeat.interval.ms", initial: 5000, range: milliseconds, isLong: false,
        documentation: "How often a member by the consumer protocol is to say that it lives.")
    private static let consumerSizeMax = Definition(
        name: "group.consumer.max.size", initial: 10_000, range: 1...Int64(Int32.max), isLong: false,
        documentation: "The most members of a group by the consumer protocol.")

    package static let all = [
        sessionTimeoutMin, sessionTimeoutMax, initialRebalanceDelay, sizeMax, offsetMetadataBytesMax,
        offsetsHistory, offsetsPartitions, offsetsRetention, offsetsRetentionCheck, consumerSessionTimeout,
        consumerHeartbeatInterval, consumerSizeMax,
    ]

    private static let ordered = [
        (sessionTimeoutMin, sessionTimeoutMax), (consumerHeartbeatInterval, consumerSessionTimeout),
    ]

    package var initialRebalanceDelay: Int64 {
        get { self[Self.initialRebalanceDelay] }
        set { self[Self.initialRebalanceDelay] = newValue }
    }
    package var sessionTimeoutMin: Int64 {
        get { self[Self.sessionTimeoutMin] }
        set { self[Self.sessionTimeoutMin] = newValue }
    }
    package var sizeMax: Int64 {
        get { self[Self.sizeMax] }
        set { self[Self.sizeMax] = newValue }
    }
    package var offsetMetadataBytesMax: Int64 {
        get { self[Self.offsetMetadataBytesMax] }
        set { self[Self.offsetMetadataBytesMax] = newValue }
    }
    package var offsetsPartitions: Int64 {
        get { self[Self.offsetsPartitions] }
        set { self[Self.offsetsPartitions] = newValue }
    }
    /// −1: for ever.
    package var offsetsRetentionMinutes: Int64 {
        get { self[Self.offsetsRetention] }
        set { self[Self.offsetsRetention] = newValue }
    }
    package var offsetsHistory: Int64 {
        get { self[Self.offsetsHistory] }
        set { self[Self.offsetsHistory] = newValue }
    }
    package var offsetsRetentionCheckInterval: Int64 {
        get { self[Self.offsetsRetentionCheck] }
        set { self[Self.offsetsRetentionCheck] = newValue }
    }

    /// What the state machine of a group needs of them.
    var rules: GroupRules {
        var rules = GroupRules()
        rules.sessionTimeouts = self[Self.sessionTimeoutMin]...self[Self.sessionTimeoutMax]
        rules.initialRebalanceDelay = initialRebalanceDelay
        rules.membersMax = Int(sizeMax)
        rules.isSameSubscription = SubscriptionMetadata.asksForTheSame
        return rules
    }

    var consumerRules: ConsumerGroupRules {
        var rules = ConsumerGroupRules()
        rules.sessionTimeout = self[Self.consumerSessionTimeout]
        rules.heartbeatInterval = self[Self.consumerHeartbeatInterval]
        rules.membersMax = Int(self[Self.consumerSizeMax])
        return rules
    }
}
