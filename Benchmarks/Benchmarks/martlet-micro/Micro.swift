import Benchmark

/// Registers every hot path beside the same work in C.
@main
struct Micro: BenchmarkRunnerHooks {
    static func registerBenchmarks() {
        ChecksumBenchmarks.register()
        BatchBenchmarks.register()
        LogBenchmarks.register()
        ProtocolBenchmarks.register()
        FrameBenchmarks.register()
    }
}
