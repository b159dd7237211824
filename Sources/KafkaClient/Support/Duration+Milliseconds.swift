extension Duration {
    /// Whole milliseconds; as many as there can be for what has more.
    var milliseconds: Int64 {
        // Its components are of 64 bits, too.
        guard self < .milliseconds(Int64.max) else { return .max }
        guard self > .milliseconds(Int64.min) else { return .min }
        return components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
