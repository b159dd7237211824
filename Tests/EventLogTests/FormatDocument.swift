internal import Foundation

/// docs/FORMAT.md, as far as a program can read it.
struct FormatDocument {
    let text: String

    init() throws {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let file = tests.appendingPathComponent("../../docs/FORMAT.md").standardizedFileURL
        text = try String(contentsOf: file, encoding: .utf8)
    }

    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    /// The labels of the blocks of one kind, in order: a block begins with three backticks, its kind and its label.
    func labels(_ kind: String) -> [String] {
        lines.compactMap { $0.hasPrefix("```\(kind) ") ? String($0.dropFirst(kind.count + 4)) : nil }
    }

    /// The lines of a block.
    func block(_ kind: String, _ label: String) throws -> [String] {
        guard let start = lines.firstIndex(of: "```\(kind) \(label)"),
            let end = lines[(start + 1)...].firstIndex(of: "```")
        else { throw Problem(description: "there is no block '\(kind) \(label)'") }
        return Array(lines[(start + 1)..<end])
    }

    /// The bytes of a dump. A line is a position of four digits, two spaces, the bytes, and after two spaces more a
    /// remark. Positions must be right.
    func bytes(_ label: String) throws -> [UInt8] {
        var bytes: [UInt8] = []
        for line in try block("hex", label) {
            guard Int(line.prefix(4), radix: 16) == bytes.count, line.dropFirst(4).hasPrefix("  ") else {
                throw Problem(description: "\(label): position \(bytes.count) was due in: \(line)")
            }
            let pairs = line.dropFirst(6).components(separatedBy: "  ")[0].split(separator: " ")
            if pairs.count == 3, pairs[1] == "×", let byte = UInt8(pairs[0], radix: 16), let count = Int(pairs[2]) {
                bytes += [UInt8](repeating: byte, count: count)
                continue
            }
            for pair in pairs {
                guard pair.utf8.count == 2, let byte = UInt8(pair, radix: 16) else {
                    throw Problem(description: "\(label): '\(pair)' is no byte in: \(line)")
                }
                bytes.append(byte)
            }
        }
        return bytes
    }

    /// A row of a byte table.
    struct Field: Equatable {
        var at: Int
        var type: String
        var name: String

        /// nil: what goes on to the end.
        var size: Int? {
            switch type {
            case "UInt8", "Int8": 1
            case "UInt16", "Int16": 2
            case "UInt32", "Int32": 4
            case "UInt64", "Int64": 8
            default: type.hasPrefix("zeros ") ? Int(type.dropFirst(6)) : nil
            }
        }
    }

    /// The names of the byte tables, each in a comment before its table.
    var layouts: [String] {
        lines.compactMap { $0.hasPrefix("<!-- layout ") ? String($0.dropFirst(12).dropLast(4)) : nil }
    }

    func fields(_ layout: String) throws -> [Field] {
        guard let start = lines.firstIndex(of: "<!-- layout \(layout) -->") else {
            throw Problem(description: "there is no table of \(layout)")
        }
        // The head of a table is two lines.
        return try lines[(start + 3)...].prefix { $0.hasPrefix("|") }.map { row in
            let cells = row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count >= 3, let at = Int(cells[0]) else { throw Problem(description: "\(layout): \(row)") }
            return Field(at: at, type: cells[1], name: cells[2])
        }
    }

    private var lines: [String] { text.components(separatedBy: "\n") }
}
