import ArgumentParser

/// The values of settings as people write and read them: spans and sizes with units.
enum SettingValue {
    /// As a broker takes it: `7d` of a setting in milliseconds becomes `604800000`, `10GiB` of one in bytes `10737418240`.
    /// What is a number already, and all other settings, stay as they are.
    static func wire(_ name: String, _ text: String) throws -> String {
        if Int64(text) != nil { return text }
        switch unit(of: name) {
        case .milliseconds:
            guard let span = DurationText.parse(text) else {
                throw ValidationError("'\(text)' is no span of time for \(name): give \(DurationText.example)")
            }
            return String(span)
        case .bytes:
            guard let bytes = SizeText.parse(text) else {
                throw ValidationError("'\(text)' is no number of bytes for \(name): give \(SizeText.example)")
            }
            return String(bytes)
        case .minutes:
            guard let span = DurationText.parse(text), span % 60_000 == 0 else {
                throw ValidationError("'\(text)' is no span of whole minutes for \(name): give 90m, 12h or 7d")
            }
            return String(span / 60_000)
        case nil: return text
        }
    }

    /// What a value means; nil: no more than it says.
    static func meaning(_ name: String, _ value: String) -> String? {
        guard let unit = unit(of: name), let number = Int64(value) else { return nil }
        // What takes a limit away.
        if number == .max || (number == -1 && isLimit(name)) { return "no limit" }
        guard number > 0 else { return nil }
        return switch unit {
        case .milliseconds: SpanText.exact(number)
        case .bytes: BinarySize.exact(number)
        case .minutes: SpanText.exact(number.multipliedReportingOverflow(by: 60_000).partialValue)
        }
    }

    private static func isLimit(_ name: String) -> Bool {
        name.contains("retention.") || name == "record.ttl.ms" || name.hasSuffix(".max.ms")
    }

    private enum Unit { case milliseconds, bytes, minutes }

    private static func unit(of name: String) -> Unit? {
        if name.hasSuffix(".ms") { return .milliseconds }
        if name.hasSuffix(".minutes") { return .minutes }
        let isOfBytes =
            name.hasSuffix(".bytes") || name.hasSuffix(".bytes.per.second") || name.hasSuffix(".buffer.size")
        return isOfBytes ? .bytes : nil
    }
}
