import Foundation
import Testing

@testable import KafkaProtocol

@Suite("docs/PROTOCOL.md")
struct ProtocolDocumentTests {
    /// One row of the table of APIs, as far as a program can tell whether it is true.
    private struct Row: Equatable, CustomStringConvertible {
        let key: Int16
        let name: String
        let versions: ClosedRange<Int16>
        let flexibleFrom: Int16

        var description: String { "\(key) \(name) \(versions) \(flexibleFrom)" }
    }

    /// `| 1 | Fetch | 4–17 | 12 | with sessions |`; a range of one version is that alone, and `none`
    /// is where no version is flexible. `nil`: another line.
    private static func row(_ line: Substring) -> Row? {
        let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        let flexibleFrom = cells.count < 4 ? nil : cells[3] == "none" ? Int16.max : Int16(cells[3])
        guard let flexibleFrom, let key = Int16(cells[0]) else { return nil }
        let ends = cells[2].split(separator: "–").compactMap { Int16($0) }
        guard let first = ends.first, let last = ends.last, first <= last else { return nil }
        return Row(key: key, name: cells[1], versions: first...last, flexibleFrom: flexibleFrom)
    }

    @Test("names each API that is offered, its versions, and from which on it is flexible")
    func table() throws {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let file = tests.appendingPathComponent("../../docs/PROTOCOL.md").standardizedFileURL
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        let offered = SupportedVersions.rows.map {
            Row(
                key: $0.key.rawValue, name: $0.key.name, versions: $0.offered, flexibleFrom: $0.firstFlexibleVersion)
        }
        #expect(lines.compactMap(Self.row) == offered.sorted { $0.key < $1.key })
    }
}
