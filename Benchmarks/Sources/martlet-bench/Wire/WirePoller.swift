import CEpoll
import Foundation

/// Tells which of many connections have something to receive.
final class WirePoller {
    private let descriptor = epoll_create1(0)
    private var events = [epoll_event](repeating: epoll_event(), count: 256)

    deinit { close(descriptor) }

    func add(_ connection: WireConnection, number: Int) {
        var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(u64: UInt64(number)))
        epoll_ctl(descriptor, EPOLL_CTL_ADD, connection.descriptor, &event)
    }

    /// Waits until one has, or until `deadline`, and calls `body` with the numbers of those that do.
    func wait(until deadline: ContinuousClock.Instant, _ body: (Int) throws -> Void) throws {
        let left = (deadline - .now) / .milliseconds(1)
        let count = epoll_wait(descriptor, &events, Int32(events.count), Int32(max(0, left.rounded(.up))))
        for place in 0..<Int(max(0, count)) { try body(Int(events[place].data.u64)) }
    }
}
