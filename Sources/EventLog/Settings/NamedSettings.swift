/// Settings that are set and read by name, in three layers: what the program says, over it `defaults`, and over those
/// `overrides`.
package protocol NamedSettings: Sendable {
    init()
    /// Every setting there is, in order of name.
    static var all: [SettingDefinition<Self>] { get }
    /// What takes the place of the program's own values where nothing is set; in order of name.
    var defaults: [SettingOverride] { get set }
    /// What was set; in order of name.
    var overrides: [SettingOverride] { get set }
}

extension NamedSettings {
    /// Sets one setting. Throws `invalidSetting` for a name that there is not, or a value out of its range.
    package mutating func override(_ name: String, with value: String) throws(LogError) {
        let taken = try take(name, value)
        Self.insert(taken, into: &overrides)
    }

    /// Back to the default. Unknown names are refused as in `override`.
    package mutating func removeOverride(_ name: String) throws(LogError) {
        _ = try Self.definition(of: name, value: "")
        let kept = overrides.filter { $0.name != name }
        try start(from: defaults, kept)
    }

    /// Other defaults under the same overrides.
    package mutating func rebase(on defaults: [SettingOverride]) throws(LogError) {
        try start(from: defaults, overrides)
    }

    private mutating func start(from defaults: [SettingOverride], _ overrides: [SettingOverride]) throws(LogError) {
        var fresh = Self()
        for setting in defaults { Self.insert(try fresh.take(setting.name, setting.value), into: &fresh.defaults) }
        for setting in overrides { try fresh.override(setting.name, with: setting.value) }
        self = fresh
    }

    private mutating func take(_ name: String, _ value: String) throws(LogError) -> SettingOverride {
        let setting = try Self.definition(of: name, value: value)
        if let problem = setting.assign(&self, value) {
            throw .invalidSetting(name: name, value: value, reason: problem)
        }
        // As the setting is written, not as the text was: "+5" and a number with a thousand zeros before it are taken,
        // but the catalogue has room for so much.
        return SettingOverride(name: name, value: setting.value(self))
    }

    private static func insert(_ setting: SettingOverride, into settings: inout [SettingOverride]) {
        // So they are stored, and most come from there.
        let isNext = settings.last.map { $0.name < setting.name } ?? true
        if !isNext { settings.removeAll { $0.name == setting.name } }
        settings.append(setting)
        if isNext { return }
        settings.sort { $0.name < $1.name }
    }

    private static func definition(of name: String, value: String) throws(LogError) -> SettingDefinition<Self> {
        if let definition = all.first(where: { $0.name == name }) { return definition }
        throw .invalidSetting(name: name, value: value, reason: unknown(name))
    }

    /// Why a name that there is not is refused.
    package static func unknown(_ name: String) -> String {
        guard let near = NearestName.of(name, in: all.lazy.map(\.name)) else {
            return "there is no such setting: 'martlet config list' names all there are"
        }
        return "there is no such setting: was '\(near)' meant?"
    }
}
