internal import CSystemCalls
internal import Glibc

/// Tells which of many connections have something to do, and wakes at a time to the microsecond: `epoll_wait` counts in
/// milliseconds, so a timer's descriptor is among those that it waits for.
final class LoadPoller {
    private let descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
    private let timer = timerfd_create(CLOCK_MONOTONIC, Int32(TFD_NONBLOCK) | Int32(TFD_CLOEXEC))
    private var events = [epoll_event](repeating: epoll_event(), count: 256)
    private var wake = Int64.max
    private static let (timerNumber, interruptionNumber) = (UInt64.max, UInt64.max - 1)

    init(interruption: Int32) {
        add(timer, EPOLLIN.rawValue, Self.timerNumber)
        if interruption >= 0 { add(interruption, EPOLLIN.rawValue, Self.interruptionNumber) }
    }

    deinit {
        close(timer)
        close(descriptor)
    }

    /// Tells of each time that something came, or that there is room again to send.
    func add(_ connection: LoadConnection, number: Int) {
        add(connection.descriptor, EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLET.rawValue, UInt64(number))
    }

    private func add(_ watched: Int32, _ mask: UInt32, _ number: UInt64) {
        var event = epoll_event(events: mask, data: epoll_data_t(u64: number))
        epoll_ctl(descriptor, EPOLL_CTL_ADD, watched, &event)
    }

    /// Waits until a connection has something to do, or until a time, and calls `body` with the numbers of those that do.
    /// - Returns: false: a signal has come.
    func wait(until time: Int64, _ body: (Int) throws(LoadError) -> Void) throws(LoadError) -> Bool {
        set(time)
        let count = epoll_wait(descriptor, &events, Int32(events.count), -1)
        var goesOn = true
        for place in 0..<Int(max(0, count)) {
            switch events[place].data.u64 {
            case Self.timerNumber:
                var expirations: UInt64 = 0
                _ = read(timer, &expirations, MemoryLayout<UInt64>.size)
                wake = .max
            case Self.interruptionNumber: goesOn = false
            case let number: try body(Int(number))
            }
        }
        return goesOn
    }

    private func set(_ time: Int64) {
        guard time != wake else { return }
        wake = time
        // All zero would be no time at all.
        let due = max(1, time)
        var setting = itimerspec()
        if time != .max {
            setting.it_value.tv_sec = Int(due / LoadClock.second)
            setting.it_value.tv_nsec = Int(due % LoadClock.second)
        }
        timerfd_settime(timer, Int32(TFD_TIMER_ABSTIME), &setting, nil)
    }
}
