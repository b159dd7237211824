/// Reads the texts of settings. Each function takes the text into its target, or says why not.
package enum SettingText {
    package static func number<N: FixedWidthInteger>(
        _ target: inout N, _ text: String, in range: ClosedRange<N>
    ) -> String? {
        guard let value = N(text), range.contains(value) else {
            return "it must be a whole number from \(range.lowerBound) to \(range.upperBound)"
        }
        target = value
        return nil
    }

    /// A limit that the value `off` takes away.
    package static func limit(
        _ target: inout Int64?, _ text: String, in range: ClosedRange<Int64>, off: Int64
    ) -> String? {
        var value: Int64 = off
        if let problem = number(&value, text, in: range) { return problem }
        target = value == off ? nil : value
        return nil
    }

    package static func decimal(_ target: inout Double, _ text: String, in range: ClosedRange<Double>) -> String? {
        guard let value = Double(text), range.contains(value) else {
            return "it must be a number from \(range.lowerBound) to \(range.upperBound)"
        }
        target = value
        return nil
    }

    package static func boolean(_ target: inout Bool, _ text: String) -> String? {
        switch text.lowercased() {
        case "true": target = true
        case "false": target = false
        default: return "it must be true or false"
        }
        return nil
    }

    package static func choice<C: RawRepresentable & CaseIterable>(_ target: inout C, _ text: String) -> String?
    where C.RawValue == String {
        guard let value = C(rawValue: text) else {
            return "it must be one of " + C.allCases.map(\.rawValue).joined(separator: ", ")
        }
        target = value
        return nil
    }
}
