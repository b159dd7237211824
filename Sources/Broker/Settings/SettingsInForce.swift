internal import EventLog
internal import Logging
internal import Synchronization

/// The broker's settings as they are now. Changes come one at a time, are durable in the data directory before they
/// count, and count at once.
final class SettingsInForce: Sendable {
    private let log: EventLog
    private let state: Mutex<State>

    private struct State {
        var layers: SettingLayers
        var settings: BrokerSettings
    }

    /// Takes up what is stored in the directory, over what the broker was started with. Waits for the disk. Throws where
    /// the two, or a topic's own settings, contradict each other.
    init(_ log: EventLog, _ configuration: BrokerConfiguration) throws(LogError) {
        self.log = log
        var layers = try SettingLayers(configuration)
        for problem in layers.restore(try log.storedSettings()) {
            configuration.logger.warning(
                "a setting that is stored is not in force: alter it, or delete it", metadata: ["error": "\(problem)"])
        }
        let settings = try layers.settings()
        state = Mutex(State(layers: layers, settings: settings))
        try log.alterTopicDefaults(layers.topicDefaults)
        log.apply(settings.log)
    }

    var current: BrokerSettings { state.withLock { $0.settings } }
    var layers: SettingLayers { state.withLock { $0.layers } }

    /// Changes layers, or only looks whether that could be; returns what is in force then. Where it may wait for the
    /// disk, one call at a time.
    /// - Parameter offsets: their history follows.
    func alter(
        validateOnly: Bool, _ offsets: ConsumerOffsets,
        _ change: (inout SettingLayers) throws(LogError) -> Void
    ) throws(LogError) -> BrokerSettings {
        let before = layers
        var layers = before
        try change(&layers)
        let settings = try layers.settings()
        try log.checkTopicDefaults(layers.topicDefaults)
        guard !validateOnly else { return current }
        try log.store(layers.stored)
        do throws(LogError) {
            try log.alterTopicDefaults(layers.topicDefaults)
            try offsets.keepHistory(milliseconds: settings.groups.offsetsHistory)
        } catch {
            // What was refused must not be in force after a restart. Where the disk takes neither, it is what was stored.
            try? log.store(before.stored)
            try? log.alterTopicDefaults(before.topicDefaults)
            throw error
        }
        log.apply(settings.log)
        state.withLock { $0 = State(layers: layers, settings: settings) }
        return settings
    }
}
