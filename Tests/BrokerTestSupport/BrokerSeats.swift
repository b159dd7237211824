/// How many tests have a broker at a time: all tests begin at once, and each broker has its files and threads.
actor BrokerSeats {
    static let shared = BrokerSeats(count: 32)
    /// True within a test that has a seat: its further brokers need none.
    @TaskLocal static var isSeated = false

    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(count: Int) { free = count }

    func take() async {
        if free > 0 {
            free -= 1
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    func give() {
        if waiting.isEmpty {
            free += 1
        } else {
            waiting.removeFirst().resume()
        }
    }
}
