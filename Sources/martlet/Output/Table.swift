/// Rows for people, and the same rows as JSON for programs.
struct Table {
    struct Column {
        /// The name in JSON.
        var key: String
        var title: String
        var isNumber = false

        init(_ key: String, _ title: String, isNumber: Bool = false) {
            self.key = key
            self.title = title
            self.isNumber = isNumber
        }
    }

    enum Cell: Hashable {
        case text(String)
        case number(Int64)
        /// A number with a fraction, in its digits.
        case decimal(String)
        /// What people read, and how it stands in JSON.
        case figure(String, json: String)
        case flag(Bool)
        /// Nothing to show: `-` for people, null in JSON.
        case none

        init(_ text: String?) { self = text.map { .text($0) } ?? .none }
        init(_ number: some BinaryInteger) { self = .number(Int64(clamping: number)) }

        var text: String {
            switch self {
            case .text(let text): text
            case .number(let number): number.grouped
            case .decimal(let digits): digits
            case .figure(let text, _): text
            case .flag(let flag): flag ? "yes" : "no"
            case .none: "-"
            }
        }

        func append(to bytes: inout [UInt8]) {
            switch self {
            case .text(let text): JSONText.append(text, to: &bytes)
            case .number(let number): bytes.append(contentsOf: String(number).utf8)
            case .decimal(let digits): bytes.append(contentsOf: digits.utf8)
            case .figure(_, let json): bytes.append(contentsOf: json.utf8)
            case .flag(let flag): bytes.append(contentsOf: String(flag).utf8)
            case .none: bytes.append(contentsOf: "null".utf8)
            }
        }
    }

    var columns: [Column]
    var rows: [[Cell]] = []

    init(_ columns: [Column]) { self.columns = columns }

    mutating func add(_ row: Cell...) {
        precondition(row.count == columns.count, "a cell for each column")
        rows.append(row)
    }

    /// For a column that says nothing in any row.
    mutating func removeColumn(_ key: String) {
        guard let index = columns.firstIndex(where: { $0.key == key }) else { return }
        columns.remove(at: index)
        for row in rows.indices { rows[row].remove(at: index) }
    }

    /// Lines with the columns below each other, two spaces between them.
    var lines: [String] {
        let cells = rows.map { $0.map(\.text) }
        let widths = columns.indices.map { column in
            cells.reduce(columns[column].title.count) { max($0, $1[column].count) }
        }
        let all = [columns.map(\.title)] + cells
        return all.map { row in
            let padded = columns.indices.map { column in
                let padding = String(repeating: " ", count: widths[column] - row[column].count)
                return columns[column].isNumber ? padding + row[column] : row[column] + padding
            }
            return String(padded.joined(separator: "  ").trimmingTrailingSpaces)
        }
    }

    /// An array with an object a row.
    var json: [UInt8] {
        var bytes: [UInt8] = [UInt8(ascii: "[")]
        for (index, row) in rows.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            Self.appendObject(columns, row, to: &bytes)
        }
        bytes.append(UInt8(ascii: "]"))
        return bytes
    }

    static func appendObject(_ columns: [Column], _ row: [Cell], to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "{"))
        for (index, cell) in row.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            JSONText.append(columns[index].key, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            cell.append(to: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
    }

    func print(asJSON: Bool, to output: inout StandardOutput) throws {
        if asJSON {
            output.bytes.append(contentsOf: json)
            try output.writeLine("")
        } else {
            for line in lines { try output.writeLine(line) }
        }
    }
}

extension String {
    fileprivate var trimmingTrailingSpaces: Substring {
        var end = endIndex
        while end > startIndex, self[index(before: end)] == " " { end = index(before: end) }
        return self[..<end]
    }
}
