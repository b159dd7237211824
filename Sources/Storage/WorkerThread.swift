internal import CSystemCalls
internal import Glibc

/// A thread of our own for work that blocks on the disk: Swift's tasks must never wait there.
package final class WorkerThread: @unchecked Sendable {
    private var thread = pthread_t()
    private var isJoined = false

    /// `name` is what `top -H` shows; at most 15 bytes.
    package init(name: String, _ body: @escaping @Sendable () -> Void) {
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        let code = pthread_create(
            &thread, nil,
            { argument in
                let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
                martlet_name_thread(start.name)
                start.body()
                return nil
            }, start.toOpaque())
        precondition(code == 0, "the system refused a thread: \(String(cString: strerror(code)))")
    }

    /// Waits for the body to return. Called once, by the owner.
    package func join() {
        guard !isJoined else { return }
        isJoined = true
        pthread_join(thread, nil)
    }

    private final class Start {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = String(name.prefix(15))
            self.body = body
        }
    }
}
