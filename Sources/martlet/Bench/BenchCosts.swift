import Glibc

/// What the processes took while a load ran, its warm-up included.
struct BenchCosts: Sendable {
    /// Of the broker; nil: it is not on this machine, or not to be looked into.
    var broker: Broker?
    /// Of this process, in seconds.
    var clientCPUSeconds: Double
    /// How long it took.
    var seconds: Double

    struct Broker: Sendable {
        var cpuSeconds: Double
        /// At the end, and the most that it ever had.
        var residentBytes: Int64
        var peakResidentBytes: Int64
        /// It runs in this process: the load is in its figures.
        var isThisProcess: Bool
    }

    struct Start {
        fileprivate let process: pid_t?
        fileprivate let broker: ProcessReading?
        fileprivate let client = ProcessReading.own
        fileprivate let time = ContinuousClock.now
    }

    static func start(_ process: pid_t?) -> Start {
        Start(process: process, broker: process.flatMap(ProcessReading.init(of:)))
    }

    init(since start: Start) {
        clientCPUSeconds = ProcessReading.own - start.client
        seconds = (ContinuousClock.now - start.time).seconds
        guard let process = start.process, let before = start.broker, let after = ProcessReading(of: process) else {
            return
        }
        broker = Broker(
            cpuSeconds: after.cpuSeconds - before.cpuSeconds, residentBytes: after.residentBytes,
            peakResidentBytes: after.peakResidentBytes, isThisProcess: process == getpid())
    }
}
