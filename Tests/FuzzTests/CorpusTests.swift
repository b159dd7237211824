import Foundation
import FuzzTargets
import Testing

/// The inputs that fuzzers have kept: in `Tests/Vectors/fuzz/TARGET` what reaches the most code, in `…/found/TARGET` what
/// was once a fault. Each is a trap, or it is not.
///
/// One after the other: a fuzzer has one thread, and so have its targets.
@Suite("Inputs of fuzzers", .serialized)
struct CorpusTests {
    struct Input: CustomTestStringConvertible, Sendable {
        var target: FuzzTarget
        var url: URL
        var testDescription: String { "\(target.rawValue)/\(url.lastPathComponent)" }
    }

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Vectors/fuzz")

    private static func inputs(_ folder: String, of target: FuzzTarget) -> [Input] {
        let url = Self.folder.appending(path: "\(folder)\(target.rawValue)")
        let files = try? FileManager.default.contentsOfDirectory(at: url, includingPropertiesForKeys: nil)
        return (files ?? []).sorted { $0.path < $1.path }.map { Input(target: target, url: $0) }
    }

    private static func run(_ bytes: Data, _ target: FuzzTarget) {
        bytes.withUnsafeBytes { target.run($0) }
    }

    @Test("what was once a fault is none", arguments: FuzzTarget.allCases.flatMap { inputs("found/", of: $0) })
    func found(input: Input) throws {
        Self.run(try Data(contentsOf: input.url), input.target)
    }

    @Test("each target has a corpus, and takes all of it", arguments: FuzzTarget.allCases)
    func corpus(target: FuzzTarget) throws {
        let inputs = Self.inputs("", of: target)
        #expect(inputs.count >= 5)
        for input in inputs { Self.run(try Data(contentsOf: input.url), target) }
    }

    @Test("the seeds of each target are taken", arguments: FuzzTarget.allCases)
    func seeds(target: FuzzTarget) throws {
        let seeds = try target.seeds()
        #expect(!seeds.isEmpty)
        for seed in seeds { Self.run(Data(seed), target) }
    }
}
