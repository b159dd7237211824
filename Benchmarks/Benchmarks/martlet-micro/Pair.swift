import Benchmark
import Foundation

/// A hot path of ours, and the same work in C: two benchmarks, of which the second has ", C" behind its name.
///
/// Both names end in how many operations a measurement is made of, "(operations: N)": a clock takes as long as some of
/// these do, so one measurement is of many.
struct Pair {
    /// Does the work so often, and returns something that depends on all that it did.
    typealias Work = (_ repetitions: Int) throws -> UInt64

    let name: String
    /// How often the work is done in one measurement.
    let repetitions: Int
    /// What doing the work once counts as.
    var operations = 1
    /// Of what leaves something behind that grows, on disk for one.
    var measurementsMax = Int.max

    /// - Parameter prepare: makes both, each with its own input, not measured. What they return for the same number of
    ///   repetitions must be equal: that shows that they do the same.
    func register(_ prepare: @escaping () throws -> (martlet: Work, c: Work)) {
        register(name) { try Self.compared(name, prepare()).martlet }
        register(name + ", C") { try Self.compared(name, prepare()).c }
    }

    private static func compared(_ name: String, _ works: (martlet: Work, c: Work)) throws -> (martlet: Work, c: Work) {
        let (ours, theirs) = (try works.martlet(1), try works.c(1))
        guard ours == theirs else { throw PairError.differentWork(name, ours, theirs) }
        return works
    }

    private func register(_ name: String, _ prepare: @escaping () throws -> Work) {
        var work: Work = { _ in 0 }
        Benchmark(
            name, configuration: configuration,
            closure: { benchmark in
                orExit {
                    let repetitions = repetitions
                    benchmark.startMeasurement()
                    blackHole(try measured(work, repetitions))
                    benchmark.stopMeasurement()
                }
            }, setup: { orExit { work = try prepare() } },
            teardown: {
                work = { _ in 0 }
                orExit { try WorkDirectory.remove() }
            })
    }

    private var configuration: Benchmark.Configuration {
        let size = Size.current
        // Throughput is what JMH's format asks for.
        return Benchmark.Configuration(
            metrics: [.wallClock, .throughput], tags: ["operations": "\(repetitions * operations)"],
            warmupIterations: size.warmUps, maxDuration: .seconds(1),
            maxIterations: min(size.measurementsMax, measurementsMax))
    }
}

/// How much is measured.
private enum Size {
    case full
    /// One measurement of each: to see that all of it runs, or to count instructions.
    case once

    static var current: Size { getenv("MARTLET_MICRO_ONCE") == nil ? .full : .once }

    var warmUps: Int { self == .once ? 0 : 3 }
    var measurementsMax: Int { self == .once ? 1 : 100_000 }
}

/// By its name callgrind knows what to count: see tools/support/micro.py.
@inline(never)
private func measured(_ work: Pair.Work, _ repetitions: Int) throws -> UInt64 { try work(repetitions) }

/// The runner tells of an error only where a tool reads from it, and goes on: a benchmark that fails ends the program.
private func orExit(_ body: () throws -> Void) {
    do { try body() } catch {
        FileHandle.standardError.write(Data("error: \(error)\n".utf8))
        exit(1)
    }
}

enum PairError: Error, CustomStringConvertible {
    case differentWork(String, UInt64, UInt64)
    case refused(String)

    var description: String {
        switch self {
        case .differentWork(let name, let ours, let theirs):
            "\(name): Martlet comes to \(ours), C to \(theirs): they do not do the same, so their times say nothing"
        case .refused(let what): "the yardstick cannot \(what)"
        }
    }
}
