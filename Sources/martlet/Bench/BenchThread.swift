import LoadGenerator
import Storage
import Synchronization

/// Runs loads on threads of their own, and shows how far they are.
enum BenchThread {
    /// - Parameter verb: what is shown before the figures; nil: nothing is shown.
    static func run<R: Sendable>(
        _ verb: String?, _ load: @escaping @Sendable (LoadWatch) throws(LoadError) -> R
    ) async throws -> R {
        let progress = Mutex(Progress(verb ?? "", isShown: verb != nil && StandardError.isTerminal))
        let shown = Shown(progress)
        let watch = LoadWatch(interruption: Interruption.descriptor) { records, bytes, part in
            shown.update(records, bytes, part)
        }
        var thread: WorkerThread?
        let result: Result<R, LoadError> = await withCheckedContinuation { continuation in
            thread = WorkerThread(name: "martlet-load") {
                do throws(LoadError) {
                    continuation.resume(returning: .success(try load(watch)))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        thread?.join()
        shown.finish()
        return try result.get()
    }

    private final class Shown: Sendable {
        private let progress: Mutex<Progress>

        init(_ progress: consuming Mutex<Progress>) { self.progress = progress }

        func update(_ records: Int, _ bytes: Int, _ part: Double?) {
            progress.withLock { progress in
                guard progress.isDue else { return }
                var done = Throughput()
                (done.records, done.payloadBytes) = (records, bytes)
                progress.update(done, fraction: part)
            }
        }

        func finish() { progress.withLock { $0.finish() } }
    }
}
