/// How long to wait before the next try. It doubles from failure to failure, up to a second; by chance it is up to a fifth
/// shorter or longer, so that clients that failed together do not come back together.
struct Backoff: Sendable {
    /// After the first failure, but for chance. Not negative, and not so long that doubling it could overflow.
    let first: Duration

    init(first: Duration) { self.first = min(max(.zero, first), .seconds(1 << 32)) }

    /// Of any first pause that is not longer itself.
    static let longest: Duration = .seconds(1)
    /// The share of a pause that is left to chance, up and down.
    static let jitter = 0.2

    /// - Parameters:
    ///   - failures: one after the other, from 1.
    ///   - chance: from -1 to 1.
    func pause(afterFailures failures: Int, chance: Double = .random(in: -1...1)) -> Duration {
        let doublings = min(max(0, failures - 1), 20)
        let pause = min(first * Double(1 << doublings), max(first, Self.longest))
        return pause * (1 + Self.jitter * chance)
    }
}
